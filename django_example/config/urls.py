from django.contrib import admin
from django.urls import include, path

# Two instances of one application namespace: the shared templates say {% url "lending:books" %} and stay on their side.
urlpatterns = [
    path("", include(("library.urls", "lending"), namespace="library")),
    path("traditional/", include(("traditional.urls", "lending"), namespace="traditional")),
    path("admin/", admin.site.urls),
]

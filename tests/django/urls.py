from django.contrib import admin
from django.urls import path

from tests.django.books import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("borrow/<int:book>/", views.borrow),
    path("borrow-then-fail/<int:book>/", views.borrow_then_fail),
    path("aborrow/<int:book>/", views.aborrow),
]

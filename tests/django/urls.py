from django.contrib import admin
from django.urls import include, path

from tests.django.alerts import views as alerts
from tests.django.books import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("borrow/<int:book>/", views.borrow),
    path("borrow-then-fail/<int:book>/", views.borrow_then_fail),
    path("aborrow/<int:book>/", views.aborrow),
    path("alerts/", alerts.ring),
    path("alerts/async/", alerts.aring),
    path("alerts/nothing/", alerts.nothing),
    path("metrics", include("eventfold.django.metrics")),
]

from asgiref.sync import sync_to_async
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from tests.django.alerts.events import Rang
from tests.django.alerts.read_models import CountedAlert


def ring(request: HttpRequest) -> HttpResponse:
    """POST records an event, GET shows the rows that a follower made of them."""
    if request.method == "POST":
        Rang.objects.create(alert=1, text=request.POST.get("text", "a"))
        return HttpResponseRedirect("/alerts/")
    return HttpResponse(str(list(CountedAlert.objects.values_list("alert", "rang"))))


async def aring(request: HttpRequest) -> HttpResponse:
    return await sync_to_async(ring)(request)


def nothing(request: HttpRequest) -> HttpResponse:
    return HttpResponse(str(connection.connection is None))

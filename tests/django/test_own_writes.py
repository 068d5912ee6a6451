"""ReadYourWritesMiddleware: the request after a POST waits until async read models have seen what it recorded."""

import json
import threading
import time
from io import StringIO

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.signing import get_cookie_signer
from django.test import AsyncClient, Client

from eventfold.django.own_writes import ReadYourWritesMiddleware
from tests.django.alerts.events import Rang
from tests.django.alerts.read_models import CountedAlert

COOKIE = "eventfold_seen"
on_disk = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def middleware(settings):
    settings.MIDDLEWARE = ["eventfold.django.middleware.ReadYourWritesMiddleware", *settings.MIDDLEWARE]
    settings.EVENTFOLD = {"READ_YOUR_WRITES": {"timeout": 30}}


def follow():
    call_command("events", "follow", once=True, stdout=StringIO(), stderr=StringIO())


@pytest.fixture
def follower():
    """Start a follower that begins late."""
    thread = threading.Timer(0.3, follow)
    yield thread
    thread.join()


@on_disk
def test_given_a_post_when_its_redirect_is_followed_then_the_new_row_is_there(client, follower):
    response = client.post("/alerts/")
    assert response.status_code == 302 and not CountedAlert.objects.exists()
    cookie = response.cookies[COOKIE]
    assert cookie["httponly"] and cookie["samesite"] == "Lax" and cookie["max-age"]
    follower.start()
    assert client.get("/alerts/").content == b"[(1, 1)]"


@on_disk
def test_the_same_in_an_asynchronous_view(follower):
    async def post_and_get():
        client = AsyncClient()
        response = await client.post("/alerts/async/")
        assert COOKIE in response.cookies
        follower.start()
        return await client.get("/alerts/async/")

    response = async_to_sync(post_and_get)()
    assert response.content == b"[(1, 1)]"
    assert response.cookies[COOKIE].value == ""


@on_disk
def test_the_cookie_goes_with_the_request_that_waited(client, follower):
    client.post("/alerts/")
    follower.start()
    assert client.get("/alerts/").cookies[COOKIE].value == ""
    assert COOKIE not in client.get("/alerts/").cookies


@on_disk
def test_where_the_follower_is_as_far_already_there_is_no_cookie(client):
    Rang.objects.create(alert=1, text="a")
    follow()
    assert COOKIE not in client.post("/alerts/nothing/").cookies
    Rang.objects.create(alert=1, text="a")
    assert COOKIE not in client.get("/alerts/").cookies  # a GET writes nothing


@on_disk
def test_where_nobody_follows_the_request_goes_on_after_the_time_out(client, settings):
    settings.EVENTFOLD = {"READ_YOUR_WRITES": {"timeout": 0.2, "cookie": "so_far"}}
    client.post("/alerts/")
    assert "so_far" in client.cookies
    began = time.monotonic()
    response = client.get("/alerts/")
    assert time.monotonic() - began >= 0.2
    assert response.content == b"[]"
    assert response.cookies["so_far"].value == ""  # waited for once, not with each request


@on_disk
@pytest.mark.parametrize("value", ["x", json.dumps({"default": 10**9}) + ":forged", ""])
def test_a_cookie_that_is_not_ours_is_not_waited_for(client, value):
    client.cookies[COOKIE] = value
    assert client.get("/alerts/").content == b"[]"


@on_disk
@pytest.mark.parametrize("found", [{"default": 10**9}, {"elsewhere": 1}])
def test_one_of_another_log_is_waited_for_no_longer_than_this_ones_head(client, found):
    Rang.objects.create(alert=1, text="a")
    follow()
    client.cookies[COOKIE] = get_cookie_signer(salt=COOKIE + "eventfold.own_writes").sign(json.dumps(found))
    assert client.get("/alerts/").content == b"[(1, 1)]"


@pytest.mark.django_db
def test_in_a_test_case_nobody_need_follow():
    client = Client()
    client.post("/alerts/")
    assert not CountedAlert.objects.exists()
    assert client.get("/alerts/").content == b"[(1, 1)]"


def test_a_request_that_uses_no_database_opens_no_connection(client):
    assert client.post("/alerts/nothing/").status_code == 200


@pytest.mark.parametrize(
    "found",
    [{"time": 1}, {"timeout": -1}, {"timeout": "1"}, {"timeout": True}, {"cookie": ""}, {"cookie": 1}, [], None],
)
def test_settings_that_make_no_sense_are_refused(settings, found):
    settings.EVENTFOLD = {"READ_YOUR_WRITES": found}
    if found == []:
        settings.EVENTFOLD = {"READ_YOUR_WRITES": [1]}
    with pytest.raises(ImproperlyConfigured, match=r'EVENTFOLD\["READ_YOUR_WRITES"\]'):
        ReadYourWritesMiddleware(lambda request: None)

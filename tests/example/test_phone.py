"""Every page in a real browser at the width of a phone: nothing may stick out to the side. Needs chromium."""

import html
import json
import re
import shutil
import subprocess

import pytest
from django.contrib.auth import login
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import override_settings
from django.urls import include, path

from shelves import Shelves, Visitor

WIDTH = 360
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

MEASURE = """<!doctype html><body>%s<script>
addEventListener("load", () => {
  const wide = {};
  for (const frame of document.querySelectorAll("iframe")) {
    const page = frame.contentDocument;
    wide[frame.getAttribute("src")] = [page.documentElement.scrollWidth, page.querySelector("h1").textContent !== ""];
  }
  document.body.textContent = JSON.stringify(wide);
});
</script></body>"""


def measure(request):
    """A page with all the others in it, each as wide as a phone; it then says how wide each of them really is."""
    login(request, User.objects.get(username="ann"), "django.contrib.auth.backends.ModelBackend")
    frames = "".join(
        f'<iframe src="{html.escape(page)}" style="width:{WIDTH}px;height:700px"></iframe>'
        for page in request.GET.getlist("page")
    )
    return HttpResponse(MEASURE % frames)


urlpatterns = [path("measure/", measure), path("", include("config.urls"))]


@pytest.mark.skipif(BROWSER is None, reason="there is no chromium")
@pytest.mark.django_db(transaction=True)
@override_settings(ROOT_URLCONF=__name__, X_FRAME_OPTIONS="SAMEORIGIN")
def test_no_page_is_wider_than_a_phone(live_server, tmp_path):
    pages = []
    for way in ("library", "traditional"):
        shelves, ann, longest = Shelves(way), Visitor(way, "ann"), "Antidisestablishmentarianism" * 3
        book = shelves.add(longest, "Wolfeschlegelsteinhausenbergerdorff " * 3)
        free = shelves.add("Emma")
        ann.does("borrow", book)
        pages += [ann.address(page) for page in ("books", "my_books", "events")]
        pages += [ann.address("books") + "?q=nowhere", ann.address("book_events", book)]
        pages += [ann.address("book", number) for number in (book, free)]
    query = "&".join(f"page={page}" for page in pages)
    done = subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={tmp_path}",
            "--virtual-time-budget=20000",
            "--dump-dom",
            f"{live_server.url}/measure/?{query}",
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = re.search(r"<body>(\{.*\})</body>", done.stdout, re.DOTALL)
    assert found, done.stdout[-2000:] + done.stderr[-2000:]
    measured = json.loads(html.unescape(found[1]))
    assert measured == {page: [WIDTH, True] for page in pages}

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db import IntegrityError
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render

from library import commands, history
from library.commands import Refused
from library.read_models import BookList
from pages.forms import BookSearch, Registration, positive_number


def book_list(request):
    search = BookSearch(request.GET)
    page = Paginator(search.apply(BookList.objects.all()), 20).get_page(request.GET.get("page"))
    return render(request, "pages/book_list.html", {"search": search, "page": page})


def book_detail(request, book):
    row = get_object_or_404(BookList, pk=book)
    return render(request, "pages/book.html", {"book": row, "history": history.of_book(book, limit=12)})


@login_required
def borrow(request, book):
    if request.method == "POST":
        try:
            row = commands.borrow(book, request.user.username)
        except Refused as refusal:
            messages.error(request, refusal)
        else:
            messages.success(request, f"“{row.title}” is yours. Enjoy it!")
    return redirect("library:book", book)


@login_required
def return_(request, book):
    if request.method == "POST":
        try:
            row = commands.return_(book, request.user.username)
        except Refused as refusal:
            messages.error(request, refusal)
        else:
            messages.success(request, f"“{row.title}” is back on the shelf. Thank you!")
    return redirect("library:book", book)


@login_required
def my_books(request):
    books = BookList.objects.filter(borrowed_by=request.user.username).order_by("borrowed_on", "title")
    return render(request, "pages/my_books.html", {"books": books})


def register(request):
    form = Registration(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = commands.register(form)
        except IntegrityError:  # someone took the name since it was checked
            form.add_error("username", "A user with that username already exists.")
        else:
            login(request, user)
            messages.success(request, f"Welcome, {user.username}! Your card is ready.")
            return redirect("library:books")
    return render(request, "pages/register.html", {"form": form})


def book_events(request, book):
    """The stream of one book. It is there for a book that was removed, too."""
    entries = history.of_book(book)
    if not entries:
        raise Http404("No such book")
    added = next((entry for entry in entries if entry.kind == "BookAdded"), entries[-1])
    row = BookList.objects.filter(pk=book).first()
    page = Paginator(entries, 50).get_page(request.GET.get("page"))
    context = {"number": book, "title": added.data.get("title", f"Book {book}"), "book": row, "page": page}
    return render(request, "library/book_events.html", context)


def events(request):
    """The whole log, the newest first. Pages go by position, so the last is as fast as the first."""
    kind = request.GET.get("type", "")
    kind = kind if kind in history.TYPES else ""
    before = positive_number(request.GET.get("before"))
    entries = history.of_library(kind, limit=50, before=before)
    older = entries[-1].position if len(entries) == 50 else None
    context = {"entries": entries, "older": older, "before": before, "kind": kind, "kinds": history.TYPES}
    return render(request, "library/events.html", context)

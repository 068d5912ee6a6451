from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required as login_required_at
from django.core.paginator import Paginator
from django.db import IntegrityError
from django.shortcuts import get_object_or_404, redirect, render

from pages.forms import BookSearch, Registration
from traditional import commands
from traditional.commands import Refused
from traditional.models import Book

login_required = login_required_at(login_url="traditional:login")


def book_list(request):
    search = BookSearch(request.GET)
    books = search.apply(Book.objects.select_related("borrowed_by"))
    page = Paginator(books, 20).get_page(request.GET.get("page"))
    return render(request, "pages/book_list.html", {"search": search, "page": page})


def book_detail(request, book):
    row = get_object_or_404(Book.objects.select_related("borrowed_by"), pk=book)
    return render(request, "pages/book.html", {"book": row, "history": None})


@login_required
def borrow(request, book):
    if request.method == "POST":
        try:
            row = commands.borrow(book, request.user)
        except Refused as refusal:
            messages.error(request, refusal)
        else:
            messages.success(request, f"“{row.title}” is yours. Enjoy it!")
    return redirect("traditional:book", book)


@login_required
def return_(request, book):
    if request.method == "POST":
        try:
            row = commands.return_(book, request.user)
        except Refused as refusal:
            messages.error(request, refusal)
        else:
            messages.success(request, f"“{row.title}” is back on the shelf. Thank you!")
    return redirect("traditional:book", book)


@login_required
def my_books(request):
    books = Book.objects.filter(borrowed_by=request.user).order_by("borrowed_on", "title")
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
            return redirect("traditional:books")
    return render(request, "pages/register.html", {"form": form})


def book_events(request, book):
    """There is no history to show: save() has overwritten it."""
    row = get_object_or_404(Book.objects.select_related("borrowed_by"), pk=book)
    return render(request, "traditional/no_events.html", {"book": row})


def events(request):
    return render(request, "traditional/no_events.html")

"""Forms that both apps use."""

from django import forms
from django.contrib.auth.forms import UserCreationForm
from django.db.models import Q


class Registration(UserCreationForm):
    """A name and a password, and nothing that the library does not need."""

    class Meta(UserCreationForm.Meta):
        fields = ["username"]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["username"].help_text = "Letters, digits and @ . + - _"
        self.fields["password1"].help_text = "At least 8 characters, not only digits, and not a common one."
        self.fields["password2"].help_text = ""


class BookSearch(forms.Form):
    """What the list shows, from the address: /?q=sea&sort=title&available=on"""

    ORDERS = {"popular": ["-borrow_count", "pk"], "title": ["title", "pk"], "new": ["-pk"]}

    q = forms.CharField(required=False, max_length=100, strip=True, label="Search")
    sort = forms.ChoiceField(
        required=False, choices=[("popular", "Most borrowed"), ("title", "By title"), ("new", "Newest")]
    )
    available = forms.BooleanField(required=False, label="On the shelf")

    def apply(self, books):
        """Filter and order a query set of books; nonsense in the address counts as nothing said."""
        self.is_valid()
        for word in self.cleaned_data.get("q", "").split():
            wanted = Q(title__icontains=word) | Q(author__icontains=word)
            if number := positive_number(word):
                wanted |= Q(pk=number)
            books = books.filter(wanted)
        if self.cleaned_data.get("available"):
            books = books.filter(borrowed_by=None)
        return books.order_by(*self.ORDERS[self.cleaned_data.get("sort") or "popular"])


def positive_number(text):
    """A number from the address, or None for anything that is not one (or that SQLite could not hold)."""
    return int(text) if text and text.isdecimal() and len(text) < 19 else None

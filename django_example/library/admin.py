"""The admin works on events as on any model, save that what happened cannot be changed or deleted."""

from django import forms
from django.contrib import admin

from library import commands
from library.events import BookAdded, BookBorrowed, BookRemoved, BookReturned, ReaderRegistered
from library.read_models import BookList


class ReadOnly(admin.ModelAdmin):
    def has_add_permission(self, request):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False


class EventAdmin(ReadOnly):
    ordering = ["-position"]
    show_full_result_count = False


class RecordableAdmin(EventAdmin):
    """Events that the staff records here, by the ordinary "add" form."""

    exclude = ["day"]

    def has_add_permission(self, request):
        return request.user.is_staff


@admin.register(BookAdded)
class BookAddedAdmin(RecordableAdmin):
    list_display = ["position", "day", "book", "title", "author"]
    exclude = ["book", "day"]
    search_fields = ["title", "author"]

    def save_model(self, request, obj, form, change):
        obj.book = commands.next_number()  # the admin's own transaction keeps others from taking it
        obj.save()


class RemovalForm(forms.ModelForm):
    def clean(self):
        book = self.cleaned_data.get("book")
        try:
            if book is not None:
                commands.check_removable(book)
        except commands.Refused as refusal:
            self.add_error("book", str(refusal))


@admin.register(BookRemoved)
class BookRemovedAdmin(RecordableAdmin):
    list_display = ["position", "day", "book", "reason"]
    form = RemovalForm


@admin.register(BookBorrowed)
class BookBorrowedAdmin(EventAdmin):
    list_display = ["position", "day", "book", "borrowed_by"]


@admin.register(BookReturned)
class BookReturnedAdmin(EventAdmin):
    list_display = ["position", "day", "book", "returned_by"]


@admin.register(ReaderRegistered)
class ReaderRegisteredAdmin(EventAdmin):
    list_display = ["position", "day", "reader"]


@admin.register(BookList)
class BookListAdmin(ReadOnly):
    list_display = ["book", "title", "author", "borrow_count", "borrowed_by", "borrowed_on"]
    search_fields = ["title", "author"]
    ordering = ["book"]

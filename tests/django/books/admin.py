from django.contrib import admin

from tests.django.books.events import BookBorrowed


@admin.register(BookBorrowed)
class LoanAdmin(admin.ModelAdmin):
    list_display = ("position", "created", "book", "borrowed_by")
    list_filter = ("borrowed_by", "created")
    search_fields = ("borrowed_by",)
    date_hierarchy = "created"

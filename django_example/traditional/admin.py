from django.contrib import admin

from traditional.models import Book


@admin.register(Book)
class BookAdmin(admin.ModelAdmin):
    list_display = ["id", "title", "author", "borrow_count", "borrowed_by", "borrowed_on"]
    list_select_related = ["borrowed_by"]
    search_fields = ["title", "author"]
    raw_id_fields = ["borrowed_by"]

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from traditional import views

urlpatterns = [
    path("", views.book_list, name="books"),
    path("books/<int:book>/", views.book_detail, name="book"),
    path("books/<int:book>/borrow/", views.borrow, name="borrow"),
    path("books/<int:book>/return/", views.return_, name="return"),
    path("books/<int:book>/events/", views.book_events, name="book_events"),
    path("events/", views.events, name="events"),
    path("my-books/", views.my_books, name="my_books"),
    path("register/", views.register, name="register"),
    path(
        "login/",
        LoginView.as_view(
            template_name="pages/login.html", next_page="traditional:books", redirect_authenticated_user=True
        ),
        name="login",
    ),
    path("logout/", LogoutView.as_view(next_page="traditional:books"), name="logout"),
]

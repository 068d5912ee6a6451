from eventfold.django import track
from tests.django.museum.models import Coin, Painting, Piece, Seat, Sign

track(Piece, exclude=["remarks"], mask=["alarm"])
track(Painting)
track(Coin)
track(Seat)
track(Sign)

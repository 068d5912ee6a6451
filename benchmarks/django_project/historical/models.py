from simple_history.models import HistoricalRecords

from benchmarks.django_project.shop.models import Fields


class HistoricBook(Fields):
    history = HistoricalRecords()

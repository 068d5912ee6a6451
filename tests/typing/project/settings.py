SECRET_KEY = "types only"
INSTALLED_APPS = ["eventfold.django", "library"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}

"""What one writes without eventfold: look for new rows every 10 ms, count them by the ORM, remember the last."""

import time

import django


def main() -> None:
    django.setup()
    from django.db.models import F
    from django.db.transaction import atomic

    from benchmarks.django_project.feed.models import Request, RequestCount, Seen

    print("ready", flush=True)
    while True:
        seen = Seen.objects.get(pk=1)
        new = list(Request.objects.filter(pk__gt=seen.request).order_by("pk")[:500])
        if not new:
            time.sleep(0.01)
            continue
        with atomic():
            for request in new:
                if not RequestCount.objects.filter(page=request.page).update(n=F("n") + 1):
                    RequestCount.objects.create(page=request.page, n=1)
            Seen.objects.filter(pk=1).update(request=new[-1].pk)


if __name__ == "__main__":
    main()

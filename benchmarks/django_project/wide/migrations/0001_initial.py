from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name=f"Wide{number}",
            fields=[
                ("position", models.BigAutoField(primary_key=True, serialize=False)),
                ("created", models.DateTimeField(auto_now_add=True)),
                ("code", models.IntegerField(db_index=True)),
            ],
            options={
                "abstract": False,
                "default_permissions": ("view",),
                "required_db_features": ["eventfold_view"],
                "base_manager_name": "objects",
            },
        )
        for number in range(50)
    ]

from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Author',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=20, unique=True)),
                ('words', models.IntegerField(default=0)),
                ('notes', models.IntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name='Cleared',
            fields=[
                ('position', models.BigAutoField(primary_key=True, serialize=False)),
                ('created', models.DateTimeField(auto_now_add=True)),
                ('shelf', models.CharField(max_length=20)),
                ('row', models.IntegerField()),
            ],
            options={
                'abstract': False,
                'default_permissions': ('view',),
                'required_db_features': ['eventfold_view'],
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Clearing',
            fields=[
                ('shelf', models.CharField(max_length=20, primary_key=True, serialize=False)),
                ('times', models.PositiveIntegerField(default=0)),
                ('row', models.IntegerField(null=True)),
                ('last_event', models.BigIntegerField(null=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Diary',
            fields=[
                ('shelf', models.CharField(max_length=20, primary_key=True, serialize=False)),
                ('stored', models.IntegerField(default=0)),
                ('story', models.TextField(default='')),
                ('latest', models.DateTimeField(null=True)),
                ('weights', models.JSONField(default=list)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Longest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('author', models.CharField(max_length=20)),
                ('words', models.IntegerField(default=0)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Noted',
            fields=[
                ('position', models.BigAutoField(primary_key=True, serialize=False)),
                ('created', models.DateTimeField(auto_now_add=True)),
                ('author', models.CharField(max_length=20)),
                ('words', models.IntegerField()),
            ],
            options={
                'abstract': False,
                'default_permissions': ('view',),
                'required_db_features': ['eventfold_view'],
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Stored',
            fields=[
                ('position', models.BigAutoField(primary_key=True, serialize=False)),
                ('created', models.DateTimeField(auto_now_add=True)),
                ('shelf', models.CharField(max_length=20)),
                ('row', models.IntegerField()),
                ('title', models.CharField(max_length=100)),
                ('weight', models.DecimalField(decimal_places=2, max_digits=6, null=True)),
                ('length', models.FloatField(null=True)),
                ('acquired', models.DateTimeField(null=True)),
                ('tags', models.JSONField(blank=True, default=list)),
                ('code', models.UUIDField(null=True)),
            ],
            options={
                'abstract': False,
                'default_permissions': ('view',),
                'required_db_features': ['eventfold_view'],
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Taken',
            fields=[
                ('position', models.BigAutoField(primary_key=True, serialize=False)),
                ('created', models.DateTimeField(auto_now_add=True)),
                ('shelf', models.CharField(max_length=20)),
                ('row', models.IntegerField()),
                ('by', models.CharField(max_length=20)),
            ],
            options={
                'abstract': False,
                'default_permissions': ('view',),
                'required_db_features': ['eventfold_view'],
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='Word',
            fields=[
                ('name', models.CharField(max_length=20, primary_key=True, serialize=False)),
                ('words', models.IntegerField(default=0)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Place',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('shelf', models.CharField(max_length=20)),
                ('row', models.IntegerField()),
                ('stored', models.PositiveIntegerField(default=0)),
                ('taken', models.PositiveIntegerField(default=0)),
                ('first_title', models.CharField(max_length=100, null=True)),
                ('title', models.CharField(max_length=100, null=True)),
                ('taken_by', models.CharField(max_length=20, null=True)),
                ('weight', models.DecimalField(decimal_places=2, default=0, max_digits=12)),
                ('heaviest', models.DecimalField(decimal_places=2, max_digits=6, null=True)),
                ('length', models.FloatField(default=0)),
                ('shortest', models.FloatField(null=True)),
                ('acquired', models.DateTimeField(null=True)),
                ('tags', models.JSONField(null=True)),
                ('code', models.UUIDField(null=True)),
                ('last_event', models.BigIntegerField(null=True)),
                ('last_change', models.DateTimeField(null=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('shelf', 'row'), name='shelves_place_key')],
            },
        ),
    ]

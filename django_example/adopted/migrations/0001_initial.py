

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='BookAdded',
            fields=[
                ('position', models.BigAutoField(primary_key=True, serialize=False)),
                ('created', models.DateTimeField(auto_now_add=True)),
                ('book', models.BigIntegerField()),
                ('day', models.DateField(default=django.utils.timezone.localdate)),
                ('title', models.CharField(max_length=200)),
                ('author', models.CharField(max_length=200)),
            ],
            options={
                'abstract': False,
                'default_permissions': ('view',),
                'required_db_features': ['eventfold_view'],
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='BookBorrowed',
            fields=[
                ('position', models.BigAutoField(primary_key=True, serialize=False)),
                ('created', models.DateTimeField(auto_now_add=True)),
                ('book', models.BigIntegerField()),
                ('day', models.DateField(default=django.utils.timezone.localdate)),
                ('borrowed_by', models.CharField(max_length=150)),
            ],
            options={
                'abstract': False,
                'default_permissions': ('view',),
                'required_db_features': ['eventfold_view'],
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='BookList',
            fields=[
                ('book', models.BigIntegerField(primary_key=True, serialize=False)),
                ('title', models.CharField(max_length=200)),
                ('borrow_count', models.PositiveIntegerField(default=0)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='BookRemoved',
            fields=[
                ('position', models.BigAutoField(primary_key=True, serialize=False)),
                ('created', models.DateTimeField(auto_now_add=True)),
                ('book', models.BigIntegerField()),
                ('day', models.DateField(default=django.utils.timezone.localdate)),
                ('reason', models.CharField(blank=True, max_length=200)),
            ],
            options={
                'abstract': False,
                'default_permissions': ('view',),
                'required_db_features': ['eventfold_view'],
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='BookReturned',
            fields=[
                ('position', models.BigAutoField(primary_key=True, serialize=False)),
                ('created', models.DateTimeField(auto_now_add=True)),
                ('book', models.BigIntegerField()),
                ('day', models.DateField(default=django.utils.timezone.localdate)),
                ('returned_by', models.CharField(max_length=150)),
            ],
            options={
                'abstract': False,
                'default_permissions': ('view',),
                'required_db_features': ['eventfold_view'],
                'base_manager_name': 'objects',
            },
        ),
        migrations.CreateModel(
            name='ReaderRegistered',
            fields=[
                ('position', models.BigAutoField(primary_key=True, serialize=False)),
                ('created', models.DateTimeField(auto_now_add=True)),
                ('reader', models.CharField(max_length=150)),
                ('day', models.DateField(default=django.utils.timezone.localdate)),
            ],
            options={
                'abstract': False,
                'default_permissions': ('view',),
                'required_db_features': ['eventfold_view'],
                'base_manager_name': 'objects',
            },
        ),
    ]

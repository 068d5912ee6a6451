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
                'verbose_name_plural': 'books added',
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
                'verbose_name_plural': 'books borrowed',
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
                ('author', models.CharField(max_length=200)),
                ('borrow_count', models.PositiveIntegerField(default=0)),
                ('borrowed_by', models.CharField(max_length=150, null=True)),
                ('borrowed_on', models.DateField(null=True)),
            ],
            options={
                'verbose_name': 'book list',
                'verbose_name_plural': 'book list',
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
                'verbose_name_plural': 'books removed',
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
                'verbose_name_plural': 'books returned',
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
                'verbose_name_plural': 'readers registered',
                'default_permissions': ('view',),
                'required_db_features': ['eventfold_view'],
                'base_manager_name': 'objects',
            },
        ),
    ]

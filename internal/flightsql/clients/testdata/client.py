"""What every client does, with ADBC for Python: prints a JSON object of what it got."""

import datetime
import json
import os
import sys
import threading
import zlib

import adbc_driver_flightsql.dbapi
from adbc_driver_flightsql import DatabaseOptions

SQL_MILLION = "select range as i, 'x' || range as s from range(1000000)"
SQL_ENDLESS = "select range as i from range(1000000000000)"
SQL_BUSY = "select sum(a.range * b.range) as s from range(10000000) a, range(10000000) b"

ADDRESS, TOKEN, CA = os.environ["ADDRESS"], os.environ["TOKEN"], os.environ["CA"]


def connect(token):
    options = {DatabaseOptions.AUTHORIZATION_HEADER.value: "Bearer " + token}
    scheme = "grpc"
    if CA:
        scheme = "grpc+tls"
        with open(CA) as f:
            options[DatabaseOptions.TLS_ROOT_CERTS.value] = f.read()
    return adbc_driver_flightsql.dbapi.connect(f"{scheme}://{ADDRESS}", db_kwargs=options, autocommit=True)


def text(value):
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        return "{" + ", ".join(f"{k}={v}" for k, v in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(value) + "]"
    return str(value)


def one(connection, sql, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters or None)
        (row,) = cursor.fetchall()
        return text(row[0])


def error(connection, sql):
    try:
        one(connection, sql)
    except Exception as e:
        return str(e)
    return "no error"


def million(connection):
    n = total = crc = 0
    with connection.cursor() as cursor:
        cursor.execute(SQL_MILLION)
        for batch in cursor.fetch_record_batch():
            n += batch.num_rows
            total += sum(batch[0].to_pylist())
            crc = zlib.crc32(("\n".join(batch[1].to_pylist()) + "\n").encode(), crc)
    return f"{n} {total} {crc}"


def cancel(connection, sql):
    """Cancels from another thread, as a user does who presses a key."""
    with connection.cursor() as cursor:
        timer = threading.Timer(1, cursor.adbc_cancel)
        timer.start()
        try:
            cursor.execute(sql)
            for _ in cursor.fetch_record_batch():
                pass
            return "it ended"
        except Exception as e:
            return "yes" if "cancel" in str(e).lower() else str(e)
        finally:
            timer.cancel()


def tables(connection):
    found = connection.adbc_get_objects(depth="tables", table_name_filter="kms%").read_all().to_pylist()
    return ", ".join(
        f"{t['table_name']} {t['table_type']}" for c in found for s in c["catalog_db_schemas"] for t in s["db_schema_tables"]
    )


def columns(connection):
    schema = connection.adbc_get_table_schema("changed_cells")
    return ", ".join(f"{f.name} {f.metadata[b'ARROW:FLIGHT:SQL:TYPE_NAME'].decode()}" for f in schema)


def main():
    got = {}
    with connect(TOKEN) as connection:
        for step, expression in {
            "events": "(select count(*) from kms_events)",
            "integer": "(-9223372036854775808)::bigint",
            "text": "'é''' || chr(10)",
            "timestamp": "timestamp '2026-01-02 03:04:05.123456'",
            "date": "date '2026-01-02'",
            "uuid": "uuid '12345678-1234-1234-1234-123456789012'",
            "map": "map {'k': 'v'}",
            "list": "['x', 'y']",
            "decimal": "(-12.34)::decimal(10, 2)",
            "hugeint": "170141183460469231731687303715884105727::hugeint",
            "double": "0.5::double",
            "boolean": "true",
            "null": "null::varchar",
            "enum": "'b'::enum('a', 'b')",
        }.items():
            got[step] = one(connection, f"select {expression} as x")
        got["million"] = million(connection)

        got["param_int"] = one(connection, "select ? as x", 42)
        got["param_text"] = one(connection, "select ? as x", "it's")
        got["param_real"] = one(connection, "select ? as x", 0.25)
        got["param_bool"] = one(connection, "select ? as x", True)
        got["param_time"] = one(connection, "select ? as x", datetime.datetime(2026, 1, 2, 3, 4, 5, 123456))
        got["param_null"] = one(connection, "select ? as x", None)
        got["param_where"] = one(
            connection,
            "select count(*) as n from kms_events where event_time < ? and event_name <> ?",
            datetime.datetime(2100, 1, 1),
            "none",
        )

        got["tables"] = tables(connection)
        got["columns"] = columns(connection)

        got["error"] = error(connection, "selec 1")
        got["refused"] = error(connection, "delete from kms_events")
        got["too_wide"] = error(connection, "select string_agg('0123456789', '') as s from range(300000)")
        ends = {cancel(connection, sql) for sql in (SQL_ENDLESS, SQL_BUSY)}
        got["cancelled"] = ", ".join(ends)
    with connect("kmst_wrong") as connection:
        got["bad_token"] = error(connection, "select 1 as a")
    json.dump(got, sys.stdout)


main()

"""`onb users`: who may log in."""

from typing import Annotated

import typer

from bridge.cli.opened import load_config, open_users, tell_service
from bridge.cli.terminal import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    PasswordFile,
    errors_as_sentences,
    note,
    print_rows,
    read_password,
    say,
)

users_app = typer.Typer(help="Who may log in.", no_args_is_help=True)


@users_app.command("list")
def users_list(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Users of the file and of the database, without passwords."""
    with errors_as_sentences(), open_users(load_config(config), make=False) as users:
        rows: list[dict[str, object]] = [
            {
                "name": user.principal.name,
                "role": user.principal.role.value,
                "cameras": list(user.cameras),
                "doors": sorted(user.principal.doors),
                "fast_start": user.principal.fast_start,
                "source": user.source,
            }
            for user in users.list()
        ]
        problems = users.problems
    for problem in problems:
        note(problem)
    print_rows(rows, as_json, ("name", "role", "cameras", "doors", "source"))


@users_app.command("add")
def users_add(
    name: str,
    role: Annotated[str, typer.Option(help="administrator, operator or viewer.")] = "viewer",
    camera: Annotated[list[str] | None, typer.Option(metavar="PATTERN", help="Cameras; repeat. Default: *")] = None,
    door: Annotated[list[str] | None, typer.Option(help="onvif, rtsp, web or push; repeat. Default: all")] = None,
    grant: Annotated[
        list[str] | None, typer.Option(metavar="'gate-*=live,ptz'", help="More than the role says; repeat.")
    ] = None,
    fast_start: Annotated[bool, typer.Option(help="Live starts from the current GOP.")] = True,
    password_file: PasswordFile = "",
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Add a user to the database. The password is asked for, or read from --password-file."""
    from bridge.base.time import SystemClock
    from bridge.system.config_load import read_user

    with errors_as_sentences():
        loaded = load_config(config)
        table: dict[str, object] = {
            "name": name,
            "role": role,
            "cameras": camera or ["*"],
            "doors": door or [],
            "grant": [_parse_grant(text) for text in grant or ()],
            "fast_start": fast_start,
        }
        read_user(table | {"password": "-"}, environ={})  # faults before anybody types a password
        password = read_password(password_file)
        user = read_user(table | {"password": _literal(password)}, environ={})
        with open_users(loaded) as users:
            users.add(user, SystemClock().utc_ns())
        tell_service(loaded, "users-changed")


@users_app.command("remove")
def users_remove(name: str, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Remove a user from the database."""
    with errors_as_sentences():
        loaded = load_config(config)
        with open_users(loaded) as users:
            users.remove(name)
        tell_service(loaded, "users-changed")


@users_app.command("password")
def users_password(name: str, password_file: PasswordFile = "", config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Set another password for a user of the database."""
    from bridge.base.time import SystemClock

    with errors_as_sentences():
        loaded = load_config(config)
        with open_users(loaded) as users:
            users.set_password(name, read_password(password_file), SystemClock().utc_ns())
        tell_service(loaded, "users-changed")


@users_app.command("hash")
def users_hash(password_file: PasswordFile = "") -> None:
    """Print the argon2 hash of a password, for `password_hash` of a user of the web door alone."""
    from bridge.system.passwords import hash_password

    with errors_as_sentences():
        say(hash_password(read_password(password_file)))


def _literal(password: str) -> str:
    """As a configuration holds it: `${NAME}` in a typed password is no variable."""
    return password.replace("${", "$${")


def _parse_grant(text: str) -> dict[str, list[str]]:
    cameras, separator, actions = text.rpartition("=")
    if not separator or not cameras or not actions:
        raise typer.BadParameter(f"--grant {text!r}: expected cameras=actions such as gate-*=live,ptz")
    return {"cameras": cameras.split(","), "actions": actions.split(",")}

"""Commands for operators: `flask --app wsgi audit`, `... demo`, `... staff add`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click
from flask import Flask
from flask.cli import AppGroup
from flask_migrate import upgrade

from app.domain.errors import Refusal
from app.services import audit as auditor
from app.services import backup as keeper
from app.services import demo as demo_data
from app.services import personal, second_factor
from app.services import staff as people


def register(app: Flask) -> None:
    """Put the commands on the application."""
    app.cli.add_command(audit)
    app.cli.add_command(demo)
    app.cli.add_command(staff)
    app.cli.add_command(fan)
    app.cli.add_command(back_up)
    app.cli.add_command(restore)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option("--gateway", is_flag=True, help="Compare with the gateway's books as well.")
def audit(as_json: bool, gateway: bool) -> None:
    """Check that everything that must hold, holds. Exits with 1 when something does not, with 2
    when nothing is wrong but something could not be looked at."""
    try:
        report = auditor.audit(ask_gateway=gateway)
    except Refusal as refusal:
        raise click.ClickException(refusal.message) from refusal
    if as_json:
        click.echo(json.dumps(asdict(report), indent=2))
    else:
        for violation in report.violations:
            click.echo(f"{violation.rule}: {violation.id} {violation.what}")
        for reason in report.unchecked:
            click.echo(f"not checked: {reason}")
        click.echo(f"{len(report.rules)} rules, {len(report.violations)} violations")
    raise SystemExit(1 if report.violations else 2 if report.unchecked else 0)


@click.command()
def demo() -> None:
    """Load the demo data if there is none, and print its log-ins and events as JSON."""
    try:
        loaded = demo_data.load_demo()
    except Refusal as refusal:
        raise click.ClickException(refusal.message) from refusal
    click.echo(json.dumps(loaded, indent=2))


staff = AppGroup("staff", help="The people who run sales.")


@staff.command("add")
@click.argument("email")
@click.option("--name", required=True, help="As the timeline will show it.")
@click.option("--role", required=True, type=click.Choice(people.ROLES))
@click.option("--organisation", required=True, help="Made if it is new.")
@click.password_option(envvar="STAFF_PASSWORD", help="Asked for when left out.")
def add(email: str, name: str, role: str, organisation: str, password: str) -> None:
    """Give somebody a log-in."""
    try:
        member = people.add(organisation, email, name, role, password)
    except Refusal as refusal:
        raise click.ClickException(refusal.message) from refusal
    click.echo(f"{member.name} ({member.role}) of {member.organisation} may log in now.")


@staff.command("without-code")
@click.argument("email")
def without_code(email: str) -> None:
    """Take the second factor of somebody away who has lost it, and whom no admin can help."""
    try:
        second_factor.take_away(email.strip().lower())
    except Refusal as refusal:
        raise click.ClickException(refusal.message) from refusal
    click.echo(f"{email} logs in without a code now, and is told by mail.")


fan = AppGroup("fan", help="What is held about a fan.")


@fan.command("export")
@click.argument("email")
def export(email: str) -> None:
    """Print everything that is held about an address, as JSON."""
    try:
        held = personal.export(email)
    except Refusal as refusal:
        raise click.ClickException(refusal.message) from refusal
    click.echo(json.dumps(held, indent=2, ensure_ascii=False))


@fan.command("erase")
@click.argument("email")
@click.confirmation_option(prompt="This cannot be taken back. Erase the address?")
def erase(email: str) -> None:
    """Erase an address, and the name and telephone number that came with it."""
    try:
        personal.erase(email)
    except Refusal as refusal:
        raise click.ClickException(refusal.message) from refusal
    click.echo("The address is erased. The books of the sale stay.")


_A_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command("back-up")
@click.argument("file", type=_A_FILE)
def back_up(file: Path) -> None:
    """Write the whole database into one file. The sale may go on."""
    try:
        size = keeper.back_up(file)
    except Refusal as refusal:
        raise click.ClickException(refusal.message) from refusal
    click.echo(f"{file}: {size:,} bytes")


@click.command()
@click.argument("file", type=_A_FILE)
def restore(file: Path) -> None:
    """Fill an empty database from a back-up, and write the lines in Redis anew. The programs must
    not be running."""
    try:
        keeper.restore(file)
        upgrade(str(Path(__file__).parent.parent / "migrations"))
        lines = keeper.begin_again()
    except Refusal as refusal:
        raise click.ClickException(refusal.message) from refusal
    click.echo(f"Restored; {lines} lines are written anew. Run `flask --app wsgi audit` now.")

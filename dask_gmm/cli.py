"""The command line, as ``dask-gmm`` and, since Dask looks for such groups, as ``dask gmm``.

Dask loads this file at each of its own commands, so it imports click and nothing else; the
commands lie next door and are imported when one of them is used.
"""

import click

COMMANDS = (
    "demo",
    "fit",
    "generate",
    "impute",
    "ingest",
    "inspect",
    "plan",
    "predict",
    "report",
    "run",
    "schema",
    "score",
    "select",
)


class _Doors(click.Group):
    """The group: knows its commands by name, and turns this package's errors into exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        from dask_gmm import commands

        command: click.Command = getattr(commands, cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        from dask_gmm.errors import DaskGMMError, refused_by_store
        from dask_gmm.signals import EXIT_CODE, Stopped, stopping_in_order

        try:
            with stopping_in_order():
                return super().invoke(ctx)
        except DaskGMMError as error:
            for line in (f"Error: {error}", *getattr(error, "__notes__", ())):
                click.echo(line, err=True)
            ctx.exit(error.exit_code)
        except OSError as error:
            refused = refused_by_store(error)
            if refused is None:
                raise
            click.echo(f"Error: {refused}", err=True)
            ctx.exit(refused.exit_code)
        except Stopped as stopped:
            notes = getattr(stopped, "__notes__", ()) or (
                "The same command goes on with what is kept, or begins anew.",
            )
            for line in (f"Stopped by {stopped.name}.", *notes):
                click.echo(line, err=True)
            ctx.exit(EXIT_CODE)


@click.group(name="gmm", cls=_Doors, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dask-gmm")
def cli() -> None:
    """Gaussian mixtures on data that do not fit in memory, with answers that do not change.

    Results go to stdout; progress, warnings and errors go to stderr.
    """


def main() -> None:
    """Run the command line in this process, and end it."""
    cli(prog_name="dask-gmm")

"""The ServerApp: compose the configuration, build the strategy, start it."""

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from server_app.run import run

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run one search, as the run config says."""
    run(grid, context.run_config, context.run_id)

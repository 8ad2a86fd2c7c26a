"""The ServerApp: compose the configuration, build the strategy, start it."""

from flwr.app import Context
from flwr.serverapp import Grid, ServerApp

from server_app.run import run

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run one search, score specs without training, or personalize a winner, as the run config says."""
    if context.run_config.get("proxies"):
        from server_app.proxy_run import run_proxies

        run_proxies(grid, context.run_config)
    elif context.run_config.get("personalize"):
        from server_app.personal_run import run_personal

        run_personal(grid, context.run_config)
    else:
        run(grid, context.run_config, context.run_id)

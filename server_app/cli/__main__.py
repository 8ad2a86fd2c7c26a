"""``python -m server_app.cli`` is ``flwr-nas``."""

from server_app.cli import main

raise SystemExit(main())

"""Makes the database ready: migrations, then demo data if there is none.

`python -m sandbox.prepare` prints one line of JSON: the demo log-ins and the slugs of events.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from flask_migrate import upgrade

from app.factory import create_app


def main() -> None:
    app = create_app()
    logging.getLogger("alembic").setLevel(logging.WARNING)
    with app.app_context():
        upgrade(str(Path(app.root_path).parent / "migrations"))
        from app.services.demo import load_demo

        print(json.dumps(load_demo()))


if __name__ == "__main__":
    main()

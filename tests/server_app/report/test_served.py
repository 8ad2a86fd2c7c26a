"""The page that is kept, derived from the events that it has."""

import json
import threading

from server_app.report.served import LEAST, Served
from server_app.run_folder import JOURNAL


def grown(folder, searched):
    """The run goes on by a trial, the number of which is returned."""
    known = len(searched.events)
    searched.proposed(3, 4)
    with (folder / JOURNAL).open("a") as file:
        file.write("".join(f"{json.dumps(event)}\n" for event in searched.events[known:]))


def test_a_page_is_made_again_once_there_is_more_and_some_time_has_gone_by(searched, tmp_path):
    now = [100.0]
    folder = searched.folder(tmp_path / "run")
    served = Served(folder, lambda: now[0])
    first = served.page()
    events = f'"events":{len(searched.events)}'
    assert events in first
    now[0] += 10 * LEAST
    assert served.page() is first  # there is nothing new
    grown(folder, searched)
    again = served.page()
    assert f'"events":{len(searched.events)}' in again
    grown(folder, searched)
    now[0] += LEAST / 2
    assert served.page() is again  # events will tell what is new
    now[0] += LEAST / 2
    assert f'"events":{len(searched.events)}' in served.page()


def test_nothing_to_see_is_not_kept(searched, tmp_path):
    served = Served(tmp_path / "run")
    assert served.page() is None
    searched.folder(tmp_path / "run")
    assert served.page() is not None


def test_those_who_ask_at_the_same_time_get_one_page(searched, tmp_path):
    served, found = Served(searched.folder(tmp_path / "run")), []
    threads = [threading.Thread(target=lambda: found.append(served.page())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all(page is found[0] for page in found)

"""The register: what the journal says of nodes, and does not say again when an interrupted run goes on."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from common.errors import FlwrNasError
    from common.jobs import NodeReport
    from server_app.journal import Journal


class Register:
    """Writes down who was admitted, and who was refused and why.

    Parameters
    ----------
    journal : Journal
        Where to write it.

    Attributes
    ----------
    admitted : set of str
        Names of all that were ever admitted, before an interruption too, and not refused since.
    refused : list of (str, str)
        Names and reasons of all that were ever refused; the name is empty where a node did not come to say it.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.admitted: set[str] = set()
        self.refused: list[tuple[str, str]] = []
        self._said: set[str] = set()
        self._said_refusals: Counter[tuple[str, str]] = Counter()

    def admit(self, report: NodeReport) -> None:
        """Write down what a node has."""
        self.admitted.add(report.name)
        if report.name in self._said:
            self._said.remove(report.name)
            return
        self._journal.write(
            "node",
            node=report.name,
            examples=report.num_train,
            validation=report.num_validation,
            test=report.num_test,
            input_shape=list(report.input_shape),
            head=report.head.to_dict(),
            **report.head.facts(),
            **({} if report.schema is None else {"schema": report.schema.digest}),
            cores=report.cores,
            memory_mb=report.memory_mb,
            device=report.device,
            macs_per_second=report.macs_per_second,
            limits=report.limits.to_dict(),
        )

    def refuse(self, node_id: int, name: str, error: FlwrNasError) -> None:
        """Write down why a node is left out; its name may be empty, and its id is another one after an interruption."""
        self.admitted.discard(name)
        self._said.discard(name)
        entry = (name, str(error))
        if self._said_refusals[entry] > 0:
            self._said_refusals[entry] -= 1
            return
        self.refused.append(entry)
        self._journal.write("node_refused", node=name or str(node_id), reason=str(error))

    def state_dict(self) -> dict[str, Any]:
        """Return all entries as JSON."""
        return {"admitted": sorted(self.admitted), "refused": [list(entry) for entry in self.refused]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` returned: the journal has these lines, so none is written for the same again."""
        self.admitted = set(state["admitted"])
        self.refused = [(name, reason) for name, reason in state["refused"]]
        self._said, self._said_refusals = set(self.admitted), Counter(self.refused)

"""The order of a plan's actions, and the edits that need more than order.

The server holds every single write against what it has at that moment. So who gives something up goes before who
wants it, whatever their waves; where that goes round in a circle, one of it is deleted, and created again at its turn.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler.model.plan import Block, Delete, Finding, Update
from reconciler.plan.comparison import differences
from reconciler.plan.graph import Node, Step, Tie
from reconciler.plan.immutable import immutable_change
from reconciler.plan.links import graph_of, is_ordered_by_waves
from reconciler.plan.parts import USERS, offered, used
from reconciler.plan.ranges import SPACES, between
from reconciler.plan.references import dependencies_of
from reconciler.plan.replacement import Hold, Obstacle, Replacements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from reconciler.model.objects import ObjectKey
    from reconciler.model.plan import Action, Apply, Wave
    from reconciler.plan.draft import Draft
    from reconciler.plan.graph import Graph, Link
    from reconciler.plan.parts import Part

_NEEDS = frozenset({Tie.REFERENCE, Tie.ORDER, Tie.CLAIM})
"""What only the new form of an object waits for."""
_GIVES = frozenset({Tie.CLAIM, Tie.RELEASE})
"""What the end of the old form is enough for."""
_STRICT = frozenset({Tie.REFERENCE, Tie.CLAIM, Tie.RELEASE})
"""What must have succeeded before the next is tried."""


@dataclass(slots=True)
class Schedule:
    """`actions` in their order; `awaiting` are the objects that are deleted, or have to wait for a delete; `replaced`
    those that are created again. The findings mean what they mean in `ClusterPlan`.
    """

    actions: Sequence[Action] = ()
    awaiting: AbstractSet[ObjectKey] = frozenset()
    replaced: AbstractSet[ObjectKey] = frozenset()
    blocks: dict[Block, None] = field(default_factory=dict)
    conflicts: list[Finding] = field(default_factory=list)
    waiting: list[Finding] = field(default_factory=list)
    pending: list[Finding] = field(default_factory=list)
    prune_pending: list[Finding] = field(default_factory=list)


def arrange(draft: Draft, guards: Sequence[Block]) -> Schedule:
    """Put the actions of a draft in order, and replace what can only be replaced. The draft is used up."""
    if not draft.deletes and not any(isinstance(one, Update) for one in draft.applies.values()):
        return Schedule(by_waves(draft))
    return _Arrangement(draft, guards).run()


def by_waves(draft: Draft) -> list[Action]:
    """Applies by wave, each knowing which of the others it needs; then the deletes, which are in order."""
    linked = (
        replace(one, after=dependencies_of(one.manifest) & draft.applies.keys()) for one in draft.applies.values()
    )
    return [*sorted(linked, key=lambda action: (action.wave, action.key)), *draft.deletes.values()]


class _Arrangement:
    """The work on one draft."""

    def __init__(self, draft: Draft, guards: Sequence[Block]) -> None:
        self._draft = draft
        self._guards = guards
        self._decided = frozenset({*draft.applies, *draft.deletes})
        self._replacements = Replacements(draft, guards)
        self._schedule = Schedule()

    def run(self) -> Schedule:
        self._replace_changed()
        self._keep_used()
        self._grow_first()
        schedule = self._schedule
        if is_ordered_by_waves(self._draft):
            schedule.actions = by_waves(self._draft)
            schedule.awaiting = frozenset(self._draft.deletes)
            return schedule
        graph, groups, gone = self._in_groups()
        schedule.actions = _numbered([[self._action(node, graph, gone) for node in group] for group in groups])
        schedule.replaced = frozenset(self._draft.replaced)
        schedule.awaiting = graph.behind([*self._draft.deletes, *self._draft.replaced], set())
        return schedule

    def _updates(self) -> Iterator[Update]:
        for key in sorted(self._draft.applies):
            update = self._draft.update(key)
            if update is not None:
                yield update

    def _replace_changed(self) -> None:
        """What cannot become what Git declares is made anew."""
        obstacles = {}
        for update in self._updates():
            reason = immutable_change(update.manifest, update.resource)
            if reason is not None and update.key not in self._draft.replaced:
                found = self._replacements.of(update.key, reason)
                if isinstance(found, Obstacle):
                    obstacles[update.key] = found
                else:
                    self._draft.replace(found)
        self._leave(obstacles)

    def _keep_used(self) -> None:
        """No object loses a part that another still uses: the server would let it."""
        lost: dict[Part, ObjectKey] = {}
        for resource, then in self._draft.changed():
            if then is not None:
                lost |= dict.fromkeys(offered(resource) - offered(then), resource.key)
        if not lost:
            return
        obstacles: dict[ObjectKey, Obstacle] = {}
        for key in sorted(self._draft.situation.live):
            for part in sorted(self._still_used(key) & lost.keys()):
                text = f"it cannot lose its {part}, which {key} uses"
                hold = Hold.TIME if self._draft.situation.live[key].is_deleting else Hold.CHANGE
                obstacles.setdefault(lost[part], Obstacle(hold, "StillReferenced", text))
        self._leave(obstacles)

    def _still_used(self, key: ObjectKey) -> frozenset[Part]:
        """The parts that an object uses and will use."""
        resource, final = self._draft.live(key), self._draft.final(key)
        if key.kind not in USERS or self._draft.is_deleted(key) or resource is None or final is None:
            return frozenset()
        return used(resource, self._draft.live) & used(final, self._draft.final)

    def _grow_first(self) -> None:
        """A namespace that loses ranges and gains others has both in between."""
        spaces = [update for update in self._updates() if update.key.kind in SPACES]
        for update in spaces:
            vpcs = (one for one in self._draft.situation.live.values() if one.key.kind == "VPC")
            both = between(update.resource, update.manifest, vpcs)
            if both is None:
                continue
            manifest = replace(update.manifest, spec={**update.manifest.spec, **both})
            found = differences(manifest.body(self._draft.situation.fabric), update.resource)
            reason = f"{update.reason}: it keeps what it loses until nothing uses that any more"
            grown = replace(update, manifest=manifest, differences=found, reason=reason)
            self._draft.grown[update.key] = grown

    def _in_groups(self) -> tuple[Graph, list[list[Node]], Mapping[ObjectKey, Wave]]:
        """The steps in order. Of each circle one object is replaced, until there is none."""
        while True:
            graph, gone = graph_of(self._draft)
            groups, stuck = graph.groups(lambda node, gone=gone: self._rank(node, gone))  # type: ignore[misc]
            if not stuck:
                return graph, groups, gone
            self._untangle(graph, stuck)

    def _untangle(self, graph: Graph, stuck: AbstractSet[Node]) -> None:
        """Do something about every circle of these steps. That may lead to others, in a graph of the new steps."""
        obstacles: dict[ObjectKey, Obstacle] = {}
        left: set[ObjectKey] = set()

        def cut(circle: list[Node]) -> set[Node]:
            found = self._break(graph, circle, obstacles) or graph.behind({node.key for node in circle}, left)
            return {node for key in found for node in graph.steps.get(key, ())}

        graph.untangle(stuck, cut)
        self._leave(obstacles)

    def _rank(self, node: Node, gone: Mapping[ObjectKey, Wave]) -> tuple[int, ...]:
        """Applies by wave, then deletes in reverse."""
        if node.step is Step.DELETE:
            return 1, *(-number for number in gone[node.key])
        return 0, *self._draft.applies[node.key].wave

    def _break(self, graph: Graph, circle: list[Node], obstacles: dict[ObjectKey, Obstacle]) -> AbstractSet[ObjectKey]:
        """Replace the object of a circle to which the fewest refer, with those that refer to it: they are the answer.
        Where none can be replaced there is no answer, but an obstacle of each.
        """
        reasons = {
            node.key: _why(then, link)
            for node, tie, then, link in _ties(circle, graph)
            if self._draft.update(node.key) and tie in _NEEDS and link.tie in _GIVES
        }
        found: dict[ObjectKey, Obstacle] = {}
        for key in sorted(reasons, key=lambda key: (self._replacements.size(key), key)):
            plan = self._replacements.of(key, reasons[key])
            if not isinstance(plan, Obstacle):
                self._draft.replace(plan)
                return plan.keys()
            found[key] = plan
        # There is one at least: a circle of which none both gives and wants would go up, or down, for ever.
        obstacles |= found
        return frozenset()

    def _leave(self, obstacles: Mapping[ObjectKey, Obstacle]) -> None:
        """Leave these objects alone, and what cannot be done without them."""
        if not obstacles:
            return
        graph, _ = graph_of(self._draft)
        found = dict(obstacles)
        known: set[ObjectKey] = set()
        for key, obstacle in obstacles.items():
            hold = Hold.GUARD if obstacle.hold is Hold.GUARD else Hold.TIME
            for other in graph.behind([key], known) - found.keys():
                found[other] = Obstacle(hold, "DependencyNotReady", f"waits for {key}")
        for key in sorted(found.keys() & self._decided):
            self._note(key, found[key])
        self._draft.drop(found)

    def _note(self, key: ObjectKey, obstacle: Obstacle) -> None:
        schedule = self._schedule
        lists = {Hold.GUARD: schedule.pending, Hold.TIME: schedule.waiting, Hold.CHANGE: schedule.conflicts}
        is_declared = self._draft.desired.declares(key)
        target = lists[obstacle.hold] if is_declared else schedule.prune_pending
        target.append(Finding(key, obstacle.reason, obstacle.message))
        if obstacle.hold is Hold.GUARD:
            guards = self._guards or [Block("FullPassNeeded", "nothing is deleted: only a full pass deletes")]
            schedule.blocks |= dict.fromkeys(guards)

    def _action(self, node: Node, graph: Graph, gone: Mapping[ObjectKey, Wave]) -> Action:
        links = graph.before[node]
        after = frozenset(one.key for one, link in links.items() if link.tie in _STRICT)
        if node.step is Step.GROW:
            return replace(self._draft.grown[node.key], after=after)
        if node.step is Step.DELETE:
            reason = self._draft.replaced.get(node.key, "Git no longer declares it")
            return Delete(self._draft.situation.live[node.key], gone[node.key], reason, after)
        action = self._draft.applies[node.key]
        return replace(action, after=after, reason=_with_claims(action, links))


def _ties(circle: Sequence[Node], graph: Graph) -> Iterator[tuple[Node, Tie, Node, Link]]:
    """Each node of a circle with the tie behind which it comes, what comes next, and why."""
    for before, node, then in zip((circle[-1], *circle), circle, (*circle[1:], circle[0]), strict=False):
        yield node, graph.before[node][before].tie, then, graph.after[node][then]


def _why(then: Node, link: Link) -> str:
    """Why the old form of an object has to go before its new form can be."""
    if link.claim is not None:
        return f"its {link.claim} goes to {then.key}"
    return f"{then.key} has to wait until it lets go of it"


def _with_claims(action: Apply, links: Mapping[Node, Link]) -> str:
    claims = sorted((link.claim, one.key) for one, link in links.items() if link.claim is not None)
    return action.reason + "".join(f"; {holder} gives up {claim} first" for claim, holder in claims[:1])


def _numbered(groups: Iterable[Sequence[Action]]) -> list[Action]:
    """All actions, those of neighbouring groups in different waves, so that the groups can be told apart."""
    found: list[Action] = []
    for group in groups:
        wave = group[0].wave
        if found and isinstance(found[-1], Delete) == isinstance(group[0], Delete) and found[-1].wave == wave:
            wave = (wave[0], wave[1] + 1)
        found.extend(replace(action, wave=wave) for action in group)
    return found

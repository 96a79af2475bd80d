"""The rules for a single script: what it has to look at, what it may write, and what it has to write."""

from rig.checks.protocol.calls import EPOCH, MARK, SEED, VERSIONS, Apply, Call, SecondLook, Strays
from rig.checks.protocol.context import Context
from rig.checks.protocol.state import UNKNOWN
from rig.contract import CAPACITY, DEACTIVATED, HEARTBEAT, ONLINE

MARK_LIFE_MIN_MS = 15_000  # a sweep's transaction may last so long


def judge_epoch(context: Context, call: Call, prefix: str, id: str) -> bool:
    """Section 2, rule 2; False if this call wrote without a valid epoch."""
    if not call.writes:
        return True
    if EPOCH not in call.reads:
        context.convict(
            call.at,
            id,
            "section 2, rule 2",
            "a script wrote without a look at the epoch",
            "the script reads mirror:epoch first",
        )
        return False
    epoch = context.state.epoch
    if epoch == UNKNOWN or (epoch is not None and epoch.startswith(prefix)):
        return True
    shown = "there was no epoch" if epoch is None else "the epoch belonged to another store"
    context.convict(
        call.at,
        id,
        "section 2, rule 2",
        f"a script wrote although {shown}",
        "the script is refused, and Postgres answers",
    )
    return False


def judge_apply(context: Context, call: Apply) -> None:
    """Section 1, rules 3 and 4; section 3, rule 2; section 4, rule 6."""
    state, at, id = context.state, call.at, call.id
    mitra, version = state.of(id), call.version
    if call.refused or not judge_epoch(context, call, call.prefix, id):
        return
    seed = state.seed_of(at)
    known = [v for v in (mitra.version, mitra.built if seed else None) if isinstance(v, int)]
    newest = max(known, default=0)
    wrote = call.wrote("HSET", VERSIONS, id) or call.wrote("SADD", ONLINE, id) or call.wrote("SREM", ONLINE, id)
    if not wrote:
        context.steps["a change is fenced off" if newest > version else "a change is refused"] += 1
        sure = UNKNOWN not in (mitra.version, mitra.built, seed)
        if (
            sure
            and newest <= version
            and EPOCH in call.reads
            and context.quiet_at(at)
            and known_epoch(context, call.prefix)
        ):
            context.convict(
                at, id, "section 1, rule 3",
                f"apply refused version {version}, although Valkey had version {newest}", "apply writes the row",
            )  # fmt: skip
        return
    context.steps["a change is applied"] += 1
    if VERSIONS not in call.reads:
        context.convict(
            at, id, "section 1, rule 3", f"apply wrote version {version} without a look at the version in Valkey",
            "apply reads mirror:versions, and refuses an older row",
        )  # fmt: skip
    if newest > version:
        context.convict(
            at, id, "section 1, rule 3", f"apply wrote version {version} over version {newest}", "apply is fenced off"
        )
    if SEED not in call.reads:
        context.convict(
            at,
            id,
            "section 3, rule 2",
            "apply wrote without a look for a running seed",
            "apply reads mirror:seed, and notes its change",
        )
    judge_row(context, call)
    if seed == UNKNOWN:
        return
    noted = call.wrote("HSET", f"mirror:seed:{seed}:changes", id)
    if seed and SEED in call.reads and not noted:
        context.convict(
            at,
            id,
            "section 3, rule 2",
            "apply noted nothing for the running seed",
            "apply notes its change for the seed",
        )
    if seed:
        context.steps["a change is noted for a seed"] += 1


def known_epoch(context: Context, prefix: str) -> bool:
    """Whether it is certain that the epoch is valid."""
    epoch = context.state.epoch
    return epoch not in (None, UNKNOWN) and str(epoch).startswith(prefix)


def judge_row(context: Context, call: Apply) -> None:
    """What apply wrote is the row that it carries; and the mark of an older row goes with it."""
    at, id = call.at, call.id
    online, active = call.row
    right = call.wrote("SADD" if online else "SREM", ONLINE, id) and call.wrote(
        "SREM" if active else "SADD", DEACTIVATED, id
    )
    if right and online:
        right = call.wrote("SET", f"{CAPACITY}{id}", call.load)
    if not right and context.quiet_at(at):
        context.convict(
            at,
            id,
            "section 1, rule 3",
            "apply wrote another state than that of the row",
            "apply writes the row as it was committed",
        )
    mark = context.state.mark_of(id, at)
    deleted = call.deleted(MARK + id)
    if mark == UNKNOWN:
        return
    older = mark is not None and version_of(mark) < call.version
    if older and not deleted and context.quiet_at(at):
        context.convict(
            at,
            id,
            "section 4, rule 6",
            "apply left the mark of an older row",
            "apply deletes a mark whose version is lower",
        )
    if deleted and not older and mark is not None:
        context.convict(
            at, id, "section 4, rule 6", f"apply of version {call.version} deleted the mark {mark}",
            "apply leaves a mark whose version is not lower",
        )  # fmt: skip
    if deleted:
        context.steps["a mark is deleted by a newer version"] += 1


def version_of(mark: str) -> int:
    """The version of the locked row, which a mark begins with."""
    number = mark.partition(":")[0]
    return int(number) if number.isdecimal() else 0


def judge_second_look(context: Context, call: SecondLook) -> None:
    """Section 4, rule 4."""
    state, at, id = context.state, call.at, call.id
    if call.refused or not judge_epoch(context, call, call.prefix, id):
        return
    mitra, rule = state.of(id), "section 4, rule 4"
    if not call.marked:
        context.steps["a second look finds a ping or a change"] += 1
        return
    context.steps["a sweep marks"] += 1
    for key, what in ((HEARTBEAT + id, "heartbeat"), (VERSIONS, "version")):
        if key not in call.reads:
            context.convict(
                at, id, rule, f"a sweep marked her without a look at her {what}", f"the second look compares her {what}"
            )
    if mitra.heartbeat != UNKNOWN and (mitra.heartbeat or "") != call.seen:
        context.convict(
            at,
            id,
            rule,
            f"a sweep marked her although her heartbeat was {mitra.heartbeat}, not {call.seen}",
            "the sweep leaves her online",
        )
    if mitra.version != UNKNOWN and (mitra.version or 0) != call.version:
        context.convict(
            at, id, rule, f"a sweep marked her although Valkey had version {mitra.version}, and her row {call.version}",
            "the sweep leaves her online: a change is on its way",
        )  # fmt: skip
    if version_of(call.mark) != call.version or ":" not in call.mark:
        context.convict(
            at, id, rule, f"the mark {call.mark} is not of the locked row's version {call.version}",
            "the mark holds the version of the locked row and a nonce",
        )  # fmt: skip
    if call.life_ms < MARK_LIFE_MIN_MS:
        context.convict(
            at,
            id,
            rule,
            f"the mark lives for {call.life_ms} ms, less than a sweep's transaction may last",
            "the mark lives for 60 s",
        )


def judge_strays(context: Context, call: Strays) -> None:
    """Section 3, rule 5: only keys of mitras who are not online are strays."""
    if call.refused or not judge_epoch(context, call, call.prefix, ""):
        return
    for write in call.writes:
        key = write[1] if write[0] == "DEL" else ""
        id = key.removeprefix(HEARTBEAT).removeprefix(CAPACITY)
        if id != key and context.state.of(id).online is True:
            context.convict(
                call.at, id, "section 3, rule 5", f"strays deleted {key} of an online mitra", "her keys stay"
            )


def judge_plain_command(context: Context, args: list[str], at: float) -> None:
    """Section 4, rule 7: only *apply* and a ping under the row's lock delete a mark."""
    for key in args[1:] if args[0].upper() in ("DEL", "UNLINK", "GETDEL") else []:
        if key.startswith(MARK):
            context.convict(
                at, key.removeprefix(MARK), "section 4, rule 7", "an instance deleted a mark by itself",
                "a newer version deletes the mark, or a ping that holds the row's lock, or its end of life",
            )  # fmt: skip

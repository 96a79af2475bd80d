"""The steps of the protocol that a run can be seen to take, each with the model's action that it is (`rig/model/specs`)."""

from collections.abc import Mapping

STEPS: Mapping[str, str] = {
    "a change commits": "change.change_commits",
    "a change is applied": "change.change_is_applied",
    "a change is fenced off": "change.change_is_applied",
    "a change is refused": "sweep.change_is_owed",
    "a change is noted for a seed": "seed.change_is_applied",
    "a mark is deleted by a newer version": "sweep.change_is_applied",
    "a ping is taken": "sweep.mitra_pings",
    "a ping finds a deactivated mitra": "sweep.mitra_pings",
    "a ping finds an offline mitra": "sweep.mitra_pings",
    "a ping meets a mark": "sweep.ping_locks_row",
    "a ping deletes the mark that it met": "sweep.ping_deletes_mark",
    "a ping is answered from Postgres": "cut_off.ping_reads",
    "a sweep marks": "sweep.sweep_takes_second_look",
    "a second look finds a ping or a change": "sweep.sweep_takes_second_look",
    "a sweep takes a mitra offline": "sweep.sweep_commits",
    "a seed begins": "seed.seed_begins",
    "a seed waits for sweeps and reads": "seed.seed_reads",
    "a seed takes a step": "seed.seed_steps",
    "a seed leaves a newer change alone": "seed.seed_steps",
    "a seed swaps": "seed.seed_swaps",
    "a seed clears strays": "seed.seed_clears_strays",
    "a seed ends": "seed.seed_ends",
}

"""Find where muons come from: their ancestors in a generator's event record, walked for all muons at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lineshape.jobs.simulate.physics.true_muons import FAKE, PROMPT, TAU, Ints

Bools = NDArray[np.bool_]

#: ATLAS's numbers (MCTruthClassifierDefs): types of a muon; origins that are no hadron; K± and π± that decay in flight.
ISOLATED, NOT_ISOLATED, BACKGROUND = 6, 7, 8
PHOTON_ORIGIN, TAU_ORIGIN, TOP_ORIGIN, W_ORIGIN, Z_ORIGIN = 5, 9, 10, 12, 13
PION_ORIGIN, KAON_ORIGIN, J_PSI_ORIGIN = 34, 35, 28
#: Origins whose muons are NOT_ISOLATED: charm and bottom but for the quarkonia beside J/ψ (defTypeOfMuon).
HEAVY_FLAVOUR = (25, 26, 28, 32, 33)


@dataclass(frozen=True)
class Ancestry:
    """Origin of n muons, one value each.

    origin: PROMPT, TAU or FAKE. truth_type, truth_origin: as ATLAS's truth classifier numbers them, but for taus: muons
    of taus from W or Z are TAU_ORIGIN, where the classifier gives the boson's or the top's and TAU_ORIGIN only to those
    of taus from hadrons; these have the hadron's. hadron: position of the nearest hadron among the ancestors, −1 where
    there is none.
    """

    origin: Ints
    truth_type: Ints
    truth_origin: Ints
    hadron: Ints


def ancestry(ids: Ints, mother: Ints, muons: Ints) -> Ancestry:
    """Return the origin of the particles at the positions `muons` of a record.

    ids: (particles,) by the Particle Data Group's numbering. mother: (particles,) position of each one's first mother,
    its own where it has none: only beams have none, and they are no ancestors.
    """
    absolute = np.abs(ids)
    hadrons = is_hadron(ids)
    hadron = np.full(len(muons), -1)
    met = {particle: np.zeros(len(muons), dtype=bool) for particle in (6, 15, 22, 23, 24)}
    at, walking = mother[muons], np.arange(len(muons))
    while len(walking):
        # A beam is a proton, and not what a muon comes from.
        inside = mother[at] != at
        at, walking = at[inside], walking[inside]
        found = hadrons[at]
        hadron[walking[found]] = at[found]
        at, walking = at[~found], walking[~found]
        for particle, seen in met.items():
            seen[walking[absolute[at] == particle]] = True
        at = mother[at]

    fake = hadron >= 0
    tau = met[15] & ~fake
    truth_origin = np.select(
        [fake, tau, met[6], met[24], met[23], met[22]],
        [_hadron_origin(ids[hadron]), TAU_ORIGIN, TOP_ORIGIN, W_ORIGIN, Z_ORIGIN, PHOTON_ORIGIN],
        0,
    )
    return Ancestry(
        origin=np.select([fake, tau], [FAKE, TAU], PROMPT),
        truth_type=np.where(fake, np.where(np.isin(truth_origin, HEAVY_FLAVOUR), NOT_ISOLATED, BACKGROUND), ISOLATED),
        truth_origin=truth_origin,
        hadron=hadron,
    )


def is_hadron(ids: Ints) -> Bools:
    """Return which numbers are hadrons': their hundreds and tens are quarks (a diquark has no tens)."""
    absolute = np.abs(ids)
    tens, hundreds = absolute // 10 % 10, absolute // 100 % 10
    return np.asarray((tens > 0) & (tens < 6) & (hundreds > 0) & (hundreds < 6))


def is_charged(ids: Ints) -> Bools:
    """Return which hadrons carry charge, by their quarks' thirds."""
    absolute = np.abs(ids)
    tens, hundreds, thousands = (absolute // 10**digit % 10 for digit in (1, 2, 3))
    up = [quark % 2 == 0 for quark in (tens, hundreds, thousands)]
    # A meson is neutral where both quarks are up-like or both down-like; a baryon, where one of three is up-like.
    baryon = (thousands > 0) & (up[0].astype(int) + up[1] + up[2] != 1)
    return np.asarray(np.where(thousands > 0, baryon, up[0] != up[1]) & (absolute != 130) & (absolute != 310))


def _hadron_origin(ids: Ints) -> Ints:
    """Return ATLAS's origin by the hadron that decayed to the muon (convHadronTypeToOrig)."""
    absolute = np.abs(ids)
    tens, hundreds, thousands = (absolute // 10**digit % 10 for digit in (1, 2, 3))
    onium = tens == hundreds
    meson = np.select(
        [absolute == 211, absolute == 321, absolute == 443, hundreds == 5, hundreds == 4, (hundreds == 3) & ~onium],
        [PION_ORIGIN, KAON_ORIGIN, J_PSI_ORIGIN, np.where(onium, 29, 26), np.where(onium, 27, 25), 24],
        np.where(absolute == 130, 24, 23),
    )
    baryon = np.select([thousands == 5, thousands == 4, thousands == 3], [33, 32, 31], 30)
    return np.asarray(np.where(thousands > 0, baryon, meson))

"""Write templates as a pyhf workspace (JSON 1.0.0), and as ROOT histograms with a configuration of cabinetry."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml

from lineshape.engine.core.files import replacing, write_json
from lineshape.engine.fits.templates import FitChannel, SampleTemplate, Templates

#: Name of the parameter of interest, and of the luminosity's.
POI: Final = "mu"
LUMINOSITY: Final = "luminosity"
ROOT_FILE, CONFIG = "templates.root", "cabinetry.yaml"


def workspace_of(templates: Templates) -> dict[str, Any]:
    """Return the pyhf workspace of templates.

    A variation is a normsys, of the yields' ratio, and a histosys, of what is left of its shape; one of the rate alone
    is a normsys. Equal names are one parameter. Where nothing was observed the expectation takes its place.
    """
    channels = [
        {
            "name": channel.name,
            "samples": [
                {"name": name, "data": _list(sample.yields), "modifiers": _modifiers(templates, channel, name, sample)}
                for name, sample in channel.samples.items()
            ],
        }
        for channel in templates.channels
    ]
    observations = [{"name": channel.name, "data": _list(observed_in(channel))} for channel in templates.channels]
    parameters = [{"name": POI, "inits": [1.0], "bounds": [[0.0, 10.0]]}]
    measurement = {"name": templates.name, "config": {"poi": POI, "parameters": parameters}}
    return {"channels": channels, "observations": observations, "measurements": [measurement], "version": "1.0.0"}


def observed_in(channel: FitChannel) -> np.ndarray:
    """Return what was observed in a channel, or what is expected where nothing was."""
    if channel.observed is not None:
        return channel.observed
    return np.asarray(sum(sample.yields for sample in channel.samples.values()))


def _modifiers(templates: Templates, channel: FitChannel, name: str, sample: SampleTemplate) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": f"staterror_{channel.name}", "type": "staterror", "data": _list(sample.errors)}
    ]
    if name in templates.signal:
        found.append({"name": POI, "type": "normfactor", "data": None})
    if error := templates.luminosity_error:
        found.append({"name": LUMINOSITY, "type": "normsys", "data": {"hi": 1 + error, "lo": 1 - error}})
    for parameter, (up, down) in sample.variations.items():
        total = sample.yields.sum()
        high, low = up.sum() / total, down.sum() / total
        found.append({"name": parameter, "type": "normsys", "data": {"hi": float(high), "lo": float(low)}})
        if not sample.is_rate(parameter):
            shapes = {"hi_data": _list(up / high), "lo_data": _list(down / low)}
            found.append({"name": parameter, "type": "histosys", "data": shapes})
    return found


def _list(values: Any) -> list[float]:
    return [float(value) for value in values]


def histograms_of(templates: Templates) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return contents, variances and edges by REGION/SAMPLE, REGION/SAMPLE_PARAMETER_Up and _Down, and REGION/data."""
    found = {}
    for channel in templates.channels:
        for name, sample in channel.samples.items():
            start = f"{channel.name}/{name}"
            found[start] = (sample.yields, sample.errors**2, channel.edges)
            for parameter, (up, down) in sample.variations.items():
                found[f"{start}_{parameter}_Up"] = (up, sample.errors**2, channel.edges)
                found[f"{start}_{parameter}_Down"] = (down, sample.errors**2, channel.edges)
        observed = observed_in(channel)
        found[f"{channel.name}/data"] = (observed, observed, channel.edges)
    return found


def cabinetry_config(templates: Templates, root: str) -> dict[str, Any]:
    """Return the configuration by which cabinetry reads the histograms of a ROOT file and builds the same fit."""
    names = list(dict.fromkeys(name for channel in templates.channels for name in channel.samples))
    parameters: dict[str, list[str]] = {}
    for name in names:
        for parameter in dict.fromkeys(
            each
            for channel in templates.channels
            if name in channel.samples
            for each in channel.samples[name].variations
        ):
            parameters.setdefault(parameter, []).append(name)
    config: dict[str, Any] = {
        "General": {
            "Measurement": templates.name,
            "POI": POI,
            "InputPath": f"{root}:{{RegionPath}}/{{SamplePath}}{{VariationPath}}",
            "HistogramFolder": "histograms",
            "VariationPath": "",
        },
        "Regions": [
            {"Name": channel.name, "RegionPath": channel.name, "Variable": "value", "Binning": _list(channel.edges)}
            for channel in templates.channels
        ],
        "Samples": [
            {"Name": "Data", "SamplePath": "data", "Data": True},
            *({"Name": name, "SamplePath": name} for name in names),
        ],
        "NormFactors": [{"Name": POI, "Samples": list(templates.signal), "Nominal": 1.0, "Bounds": [0.0, 10.0]}],
    }
    systematics: list[dict[str, Any]] = []
    if templates.luminosity_error:
        sizes = {
            "Up": {"Normalization": templates.luminosity_error},
            "Down": {"Normalization": -templates.luminosity_error},
        }
        systematics.append({"Name": LUMINOSITY, "Type": "Normalization", "Samples": names, **sizes})
    systematics += [
        {
            "Name": parameter,
            "Type": "NormPlusShape",
            "Samples": of,
            "Up": {"VariationPath": f"_{parameter}_Up"},
            "Down": {"VariationPath": f"_{parameter}_Down"},
        }
        for parameter, of in parameters.items()
    ]
    return config | ({"Systematics": systematics} if systematics else {})


def write(folder: Path, templates: Templates) -> list[Path]:
    """Write workspace.json, templates.root and cabinetry.yaml into a folder, and return their paths."""
    import hist
    import uproot

    folder.mkdir(parents=True, exist_ok=True)
    workspace, root, config = (folder / name for name in ("workspace.json", ROOT_FILE, CONFIG))
    write_json(workspace, workspace_of(templates))
    with replacing(root) as temporary, uproot.recreate(temporary) as file:
        for name, (values, variances, edges) in histograms_of(templates).items():
            made: Any = hist.Hist(hist.axis.Variable(edges, name="value"), storage=hist.storage.Weight())
            view = made.view()
            view.value, view.variance = values, variances
            file[name] = made
    with replacing(config) as temporary:
        text = yaml.safe_dump(cabinetry_config(templates, str(root)), sort_keys=False)
        temporary.write_text(text, encoding="utf-8")
    return [workspace, root, config]

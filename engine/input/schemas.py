"""NanoEvents of a schema over an open file: what the processor touches is read, from the second chunk on at once."""

import hashlib
import importlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from lineshape.engine.core.errors import DataError, RequestError, listing, nearest
from lineshape.engine.input.catalogue import Chunk, FileRecord
from lineshape.engine.input.events import virtual_events
from lineshape.engine.input.remote import is_remote
from lineshape.engine.input.root_files import find_tree

if TYPE_CHECKING:
    import uproot
    from coffea.nanoevents.methods.base import NanoEvents

#: Forms that a process keeps: of as many kinds of files, and schemas.
_MOST_FORMS: Final = 16
#: Part of the path of coffea's module that reads branches, and its functions that do.
_READERS: Final = ("nanoevents/mapping/", ("extract_column", "get_column_handle"))


def find_schema(name: str) -> type:
    """Return the class of a schema by its name in coffea, or module:Class; raise RequestError where there is none."""
    from coffea.nanoevents import schemas

    module, colon, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute) if colon else getattr(schemas, name)
    except (ImportError, AttributeError) as error:
        known = [each for each in dir(schemas) if each.endswith("Schema")]
        raise RequestError(
            f"schema '{name}': expected one of coffea's, {listing(known)}, or 'their_module:TheirSchema'"
            f"{nearest(name, known)}" + (f" ({error})" if colon else "")
        ) from error
    if not (isinstance(found, type) and issubclass(found, schemas.BaseSchema)):
        raise RequestError(f"schema '{name}': expected a class derived from coffea's BaseSchema")
    return found


def schema_of(processor: Any) -> type | None:
    """Return the schema that a processor declares, as a class or by name; None where it declares columns."""
    declared = getattr(processor, "schema", None)
    return find_schema(declared) if isinstance(declared, str) else declared


def metadata_of(chunk: Chunk) -> dict[str, Any]:
    """Return what coffea's Runner tells of a chunk."""
    return {
        "dataset": chunk.file.sample,
        "filename": chunk.file.path,
        "treename": chunk.file.tree,
        "entrystart": chunk.start,
        "entrystop": chunk.stop,
        "fileuuid": chunk.file.uuid,
    }


@dataclass
class FileKind:
    """The events of all files with the same branches in one schema.

    form: of the events, without metadata. schema: an instance, for its behaviors. touched: names of branches that a
    processor has read of any chunk so far.
    """

    form: Any
    schema: Any
    touched: set[str] = field(default_factory=set)


_KINDS: dict[str, FileKind] = {}


@dataclass(frozen=True)
class _Interpreted:
    """Form and behaviors of events, which are all that `NanoEventsFactory` asks of a schema."""

    form: Any
    schema: Any

    def behavior(self) -> Any:
        """Return the behaviors of the schema's records."""
        return self.schema.behavior()


class SchemaReader:
    """Reader of an open file's NanoEvents in a schema, chunk by chunk.

    The file's branches are interpreted once for each kind of file in a process: with 1,500 of them, that takes longer
    than a chunk. purpose: digest of who reads and how, as what was touched by one processor is not what another
    touches. iteritems_options: of uproot, which choose branches.
    """

    def __init__(
        self,
        file: "uproot.ReadOnlyDirectory",
        record: FileRecord,
        schema: type,
        purpose: str,
        iteritems_options: Mapping[str, Any],
    ) -> None:
        self._file = file
        self._record = record
        self._tree = find_tree(file, record.path, record.tree)
        self._kind = self._interpreted(schema, purpose, iteritems_options)
        #: Buffers read by the latest chunk, as coffea's Runner counts them.
        self.columns: set[str] = set()
        self._log: list[Any] = []
        self._branches: dict[str, Any] = {}

    def _interpreted(self, schema: type, purpose: str, iteritems_options: Mapping[str, Any]) -> FileKind:
        key = _digest_of_tree(self._tree, schema, purpose)
        if key not in _KINDS:
            if len(_KINDS) >= _MOST_FORMS:
                _KINDS.pop(next(iter(_KINDS)))
            _KINDS[key] = self._interpret(schema, iteritems_options)
        return _KINDS[key]

    def _interpret(self, schema: type, iteritems_options: Mapping[str, Any]) -> FileKind:
        import awkward as ak
        from coffea.nanoevents.factory import _reads_podio_metadata, podio_collection_types
        from coffea.nanoevents.mapping import UprootSourceMapping

        tree = self._tree
        with warnings.catch_warnings():
            # Of branches that the schema cannot hold; what a processor misses it says itself.
            warnings.simplefilter("ignore")
            try:
                base = UprootSourceMapping._extract_base_form(tree, iteritems_options=dict(iteritems_options))
                base["typenames"] = tree.typenames()
                base["parameters"]["metadata"] = {}
                if _reads_podio_metadata(schema):
                    base["podio_collection_types"] = podio_collection_types(tree)
                built = schema(base)
                return FileKind(ak.forms.from_dict(built.form), built)
            except (OSError, MemoryError):
                raise
            except Exception as error:
                raise DataError(
                    f"{self._record.path}: tree {self._record.tree} does not fit {schema.__name__}: "
                    f"{type(error).__name__}: {error}; name the schema of the format that the file is of "
                    "(schema, or --schema)"
                ) from error

    def events(self, chunk: Chunk, metadata: Mapping[str, Any]) -> "NanoEvents":
        """Return the events of a chunk of the file, in virtual mode, as coffea's Runner gives them to a processor."""
        self._log = []
        # Some schemas say their version there.
        parameters = dict(self._kind.form.parameters)
        parameters["metadata"] = dict(metadata) | dict(parameters.get("metadata") or {})
        form = self._kind.form.copy(parameters=parameters)
        interpreted = _Interpreted(form, self._kind.schema)
        options = {"access_log": self._log, "preloaded_arrays": self._at_once(chunk)}
        return virtual_events(self._file, self._tree, chunk, interpreted, self._tree, **options)

    def _at_once(self, chunk: Chunk) -> dict[str, Any]:
        """Return the arrays of all branches that are known to be touched, read together."""
        import uproot
        from coffea.nanoevents.factory import _OnlySliceableAs

        names = self._kind.touched
        if not names or isinstance(self._tree, uproot.behaviors.RNTuple.HasFields):
            return {}
        where: dict[str, Any] = {"entry_start": chunk.start, "entry_stop": chunk.stop}
        if is_remote(chunk.file.path):
            # One request for all, though uproot looks at each of the file's branches for it.
            read = self._tree.arrays(filter_branch=lambda branch: branch.name in names, how=dict, **where)
        else:
            read = {name: self._branch(name).array(**where) for name in sorted(names)}
        whole = slice(chunk.start, chunk.stop)
        return {name: _OnlySliceableAs(array, whole) for name, array in read.items()}

    def _branch(self, name: str) -> Any:
        """Return a branch, which uproot would look for among all others each time."""
        if name not in self._branches:
            self._branches[name] = self._tree[name]
        return self._branches[name]

    def end(self) -> None:
        """Note what was touched of the latest chunk."""
        from coffea.nanoevents.util import key_to_tuple

        self._kind.touched |= {each.branch for each in self._log}
        self.columns = {f"{each.branch}-{key_to_tuple(each.buffer_key)[3]}" for each in self._log}


def is_of_reading(error: BaseException) -> bool:
    """Return whether an error was raised while a branch was read, though the processor's code asked for it."""
    folder, functions = _READERS
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if folder in code.co_filename.replace("\\", "/") and code.co_name in functions:
            return True
        trace = trace.tb_next
    return False


def _digest_of_tree(tree: Any, schema: type, *others: str) -> str:
    """Return a digest of the names and types of a tree's branches, which takes far less time than their forms."""
    import uproot

    if isinstance(tree, uproot.behaviors.RNTuple.HasFields):
        about: list[Any] = [(each.field_name, each.type_name) for each in tree.ntuple.header.field_records]
    else:
        about = [
            (
                name,
                branch.title,
                branch.member("fClassName", none_if_missing=True),
                [(leaf.classname, leaf.member("fTitle"), leaf.member("fLen")) for leaf in branch.member("fLeaves")],
            )
            for name, branch in tree.iteritems()
        ]
        if any(class_name for _, _, class_name, _ in about):
            about.append(sorted((name, sorted(versions)) for name, versions in tree.file.streamers.items()))
    own = f"{schema.__module__}.{schema.__qualname__}.{id(schema)}"
    # EDM4HEP's types of collections stand in the file's metadata, beside the tree.
    if "edm4hep" in schema.__module__ or "fcc" in schema.__module__:
        own += str(tree.file.uuid)
    return hashlib.blake2b(json.dumps([own, others, about]).encode(), digest_size=16).hexdigest()

"""Settings of where passes run: the options of commands, and the key ``cluster`` of a file."""

from typing import Any

from pydantic import ConfigDict, Field

from dask_gmm.errors import InputError
from dask_gmm.passes.cluster_spec import WAIT_SECONDS, Adapt, ClusterSpec, TLSFiles
from dask_gmm.settings_base import Settings
from dask_gmm.settings_values import LocalPath


class RunnerSettings(Settings):
    """Where passes run: threads of this process, unless one of these is given."""

    workers: int | None = None
    """Worker processes to start on this machine."""
    scheduler: str | None = None
    """Address of a Dask scheduler that is already there."""
    scheduler_file: LocalPath | None = None
    """File in which a Dask scheduler writes its address; it is waited for."""
    tls_ca_file: LocalPath | None = None
    """Certificate of the authority that a scheduler's is signed by, of the form PEM."""
    tls_cert: LocalPath | None = None
    """Certificate that a scheduler is shown, of the form PEM."""
    tls_key: LocalPath | None = None
    """Key of that certificate, of the form PEM."""
    performance_report: LocalPath | None = None
    """With a cluster, the HTML page to write in which Dask reports its tasks."""

    def spec(self) -> ClusterSpec:
        """Where passes run; InputError if a value is outside its domain."""
        return ClusterSpec(
            workers=self.workers,
            address=self.scheduler,
            scheduler_file=self.scheduler_file,
            tls=self._tls(),
            performance_report=self.performance_report,
        )

    def _tls(self) -> TLSFiles | None:
        files = (self.tls_ca_file, self.tls_cert, self.tls_key)
        ca_file, cert, key = files
        if ca_file is not None and cert is not None and key is not None:
            return TLSFiles(ca_file, cert, key)
        if files != (None, None, None):
            raise InputError(
                "Wanted --tls-ca-file, --tls-cert and --tls-key together, found some of them on "
                "the command line. Give all three, or none."
            )
        return None


class AdaptSettings(Settings):
    """From how many workers to how many a cluster grows and shrinks with its work."""

    minimum: int
    """Fewest workers, at least 1."""
    maximum: int
    """Most workers."""


class SecuritySettings(Settings):
    """Files of the form PEM by which client, scheduler and workers know each other."""

    ca_file: LocalPath
    """Certificate of the authority that has signed all others."""
    cert_file: LocalPath
    """Certificate of this client; of scheduler and workers, too, where they are started."""
    key_file: LocalPath
    """Key of that certificate."""
    require_encryption: bool = True
    """Refuse connections without TLS."""


class ClusterSettings(Settings):
    """Where passes run: threads of this process, unless one of the first four is given."""

    model_config = ConfigDict(validate_by_name=True)

    workers: int | None = None
    """Worker processes of one thread to start on this machine."""
    address: str | None = None
    """Address of a Dask scheduler that is already there, such as tcp://10.0.0.1:8786."""
    scheduler_file: LocalPath | None = None
    """File in which a Dask scheduler writes its address; it is waited for."""
    cluster_class: str | None = Field(default=None, alias="class")
    """Import path of a Dask cluster class, such as dask_jobqueue.SLURMCluster."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Keywords of that class."""
    scale: int | None = None
    """Number of workers that a cluster of that class is to have."""
    adapt: AdaptSettings | None = None
    """Fewest and most workers that it is to have, as there is work for them."""
    min_workers: int = 1
    """Number of workers that must have come before the first pass."""
    wait: float = WAIT_SECONDS
    """Seconds that they, or the file of a scheduler, may take to come."""
    security: SecuritySettings | None = None
    """Certificates and key; by default those that Dask's own configuration names."""
    performance_report: LocalPath | None = None
    """HTML page to write in which Dask reports its tasks."""

    def spec(self) -> ClusterSpec:
        """Where passes run; InputError if a value is outside its domain."""
        given = dict(self)
        security, adapt = given.pop("security"), given.pop("adapt")
        spec = ClusterSpec(
            tls=security and TLSFiles(**dict(security)),
            adapt=adapt and Adapt(**dict(adapt)),
            **given,
        )
        if self.address is not None:
            from dask_gmm.passes.connecting import refuse_no_address

            refuse_no_address(self.address)
        return spec

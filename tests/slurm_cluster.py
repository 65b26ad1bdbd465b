"""A Slurm of one node for the tests: munged, slurmctld and slurmd in a folder of theirs.

Nothing of the machine's own Slurm or munge is used or changed.  The node claims more
processors and memory than there may be, so that the shipped script runs as it is.
"""

import ctypes
import getpass
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time

DAEMONS = ("munged", "slurmctld", "slurmd")
PATH = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"
DEADLINE = 120      # seconds, for what takes two or three
PR_SET_PDEATHSIG = 1

CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
ReturnToService=2
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmdSpoolDir={folder}/spool
StateSaveLocation={folder}/state
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmdParameters=config_overrides
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName={host} NodeAddr=127.0.0.1 CPUs=8 RealMemory=16000 State=UNKNOWN
PartitionName=p Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


def missing():
    """The programs that are not installed."""
    return [name for name in (*DAEMONS, "sbatch") if not shutil.which(name, path=PATH)]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def end_with_parent():
    """Also when the tests are killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Cluster:
    """Started by entering, stopped in any case by leaving."""

    def __init__(self, folder):
        self.folder = folder
        self.daemons = []
        self.env = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "SBATCH"))}
        self.env.update(SLURM_CONF=str(folder / "slurm.conf"), PATH=PATH)

    def __enter__(self):
        for name in ("spool", "state"):
            (self.folder / name).mkdir()
        host = socket.gethostname().partition(".")[0]
        conf = CONF.format(
            host=host, user=getpass.getuser(), folder=self.folder, ports=free_ports(2)
        )
        (self.folder / "slurm.conf").write_text(conf)
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o600)
        try:
            self.start_all()
        except BaseException:
            self.__exit__()
            raise
        return self

    def start_all(self):
        names = ("socket", "pid-file", "seed-file", "log-file")
        files = [f"--{name}={self.folder}/munge.{name.partition('-')[0]}" for name in names]
        files.append(f"--key-file={self.folder}/munge.key")
        self.start("munged", "--foreground", "--force", *files)
        self.wait_for(lambda: (self.folder / "munge.socket").exists())
        self.start("slurmctld", "-D")
        self.start("slurmd", "-D")
        self.wait_for(lambda: self.run("sinfo", "-h", "-o", "%t", check=False) == "idle\n")

    def start(self, *command):
        with open(self.folder / f"{command[0]}.out", "wb") as out:
            daemon = subprocess.Popen(
                command, env=self.env, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                preexec_fn=end_with_parent,
            )
        self.daemons.append(daemon)

    def __exit__(self, *_):
        if len(self.daemons) == len(DAEMONS):
            self.run("scancel", "--full", f"--user={getpass.getuser()}", check=False)
            self.run("scontrol", "shutdown", "slurmctld", check=False)
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(timeout=30)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def said(self):
        """The last words of each daemon, for a message."""
        logs = sorted(self.folder.glob("*.out")) + [self.folder / "munge.log"]
        return "\n".join(
            f"{log.name}: {log.read_text(errors='replace')[-2000:]}" for log in logs if log.exists()
        )

    def wait_for(self, condition):
        end = time.monotonic() + DEADLINE
        while not condition():
            dead = [d.args[0] for d in self.daemons if d.poll() is not None]
            assert not dead, f"{dead} ended:\n{self.said()}"
            assert time.monotonic() < end, f"still not so after {DEADLINE} s:\n{self.said()}"
            time.sleep(0.1)

    def run(self, *command, check=True, **options):
        done = subprocess.run(
            command, env=self.env, capture_output=True, text=True, timeout=DEADLINE, **options
        )
        assert not check or done.returncode == 0, (command, done.stderr, self.said())
        return done.stdout

    # ---- jobs ----

    def submit(self, cwd, *arguments):
        """sbatch in the folder cwd; the job's number."""
        return self.run("sbatch", "--parsable", *map(str, arguments), cwd=cwd).strip()

    def tasks(self, job):
        """Task number to (state, exit status) of each task of an array."""
        shown = self.run("scontrol", "show", "job", "--oneliner", job)
        found = {}
        for line in shown.splitlines():
            fields = dict(re.findall(r"(\w+)=(\S*)", line))
            status = int(fields["ExitCode"].partition(":")[0])
            found[fields.get("ArrayTaskId")] = (fields["JobState"], status)
        return found

    def wait(self, job):
        """Until no task is waiting or at work; then tasks()."""
        self.wait_for(lambda: self.run("squeue", "--noheader", f"--jobs={job}", check=False) == "")
        return self.tasks(job)

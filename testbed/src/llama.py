"""Serves a model over HTTP on a port of the loopback interface, by llama.cpp's own server: llama.py MODEL PORT NAME."""

import sys
import threading

import xllamacpp

params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.hostnames = ["127.0.0.1"]
params.port = int(sys.argv[2])
params.model_alias = {sys.argv[3]}
params.n_ctx = 4096
params.n_parallel = 1
# Two threads on a busy machine are far slower than one.
params.cpuparams.n_threads = 1
params.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(params)
threading.Event().wait()

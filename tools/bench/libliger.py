"""libliger from Python by ctypes, as far as the programs beside this file want it: a kernel is called by the names of its tensors, scalars and options."""
import ctypes as c

import torch

TYPES = {torch.float32: (2, 32), torch.float16: (2, 16), torch.bfloat16: (4, 16), torch.int64: (0, 64), torch.int32: (0, 32)}    # DLPack's code and bits
DEVICES = {"cpu": 1, "cuda": 2}


class DLTensor(c.Structure):
    _fields_ = [("data", c.c_void_p), ("device_type", c.c_int32), ("device_id", c.c_int32), ("ndim", c.c_int32), ("code", c.c_uint8), ("bits", c.c_uint8),
                ("lanes", c.c_uint16), ("shape", c.POINTER(c.c_int64)), ("strides", c.POINTER(c.c_int64)), ("byte_offset", c.c_uint64)]

    def __init__(self, t):
        code, bits = TYPES[t.dtype]
        many = c.c_int64 * max(t.dim(), 1)
        super().__init__(t.data_ptr(), DEVICES[t.device.type], t.device.index or 0, t.dim(), code, bits, 1, many(*t.shape), many(*t.stride()), 0)


class Config(c.Structure):
    _fields_ = [("size", c.c_size_t), ("alloc", c.c_void_p), ("release", c.c_void_p), ("log", c.c_void_p), ("user", c.c_void_p), ("host_threads", c.c_uint32),
                ("cache_dir", c.c_char_p), ("cache_limit", c.c_uint64), ("driver", c.c_void_p), ("compiler", c.c_char_p)]


class Scalar(c.Union):
    _fields_ = [("f", c.c_double), ("i", c.c_int64)]


class Call(c.Structure):
    _fields_ = [("size", c.c_size_t), ("kernel", c.c_void_p), ("tensors", c.POINTER(c.POINTER(DLTensor))), ("ntensors", c.c_uint32), ("scalars", c.POINTER(Scalar)),
                ("nscalars", c.c_uint32), ("options", c.POINTER(c.c_int32)), ("noptions", c.c_uint32), ("stream", c.c_void_p), ("workspace", c.c_void_p),
                ("workspace_size", c.c_size_t), ("variant", c.c_uint32), ("nest", c.c_uint32)]


class TensorInfo(c.Structure):
    _fields_ = [("name", c.c_char_p), ("rank", c.c_int32), ("is_out", c.c_int32), ("over", c.c_int32), ("type", c.c_char_p)]


class Refused(Exception):
    pass


class Kernel:
    """One kernel of a context: its names, and the call."""
    def __init__(self, liger, op, kernel):
        self.liger, lib = liger, liger.lib
        found = c.c_void_p()
        liger.check(lib.lgr_kernel_find(liger.ctx, op.encode(), kernel.encode(), c.byref(found)))
        self.k, none = found, c.c_uint32()
        self.tensors = [lib.lgr_kernel_tensor(self.k, i).name.decode() for i in range(lib.lgr_kernel_tensors(self.k))]
        default = c.c_double()
        self.scalars = {}
        for i in range(lib.lgr_kernel_scalars(self.k)):
            name = lib.lgr_kernel_scalar(self.k, i, c.byref(default)).decode()
            self.scalars[name] = default.value
        self.options = {}
        for i in range(lib.lgr_kernel_options(self.k)):
            count, first = c.c_uint32(), c.c_uint32()
            name = lib.lgr_kernel_option(self.k, i, c.byref(count), c.byref(first)).decode()
            self.options[name] = [lib.lgr_kernel_option_choice(self.k, i, j).decode() for j in range(count.value)], first.value

    def __call__(self, tensors, scalars, options):
        """tensors: all that the options leave, by name.  scalars: floats where the spec has floats, ints where it has integers.  options: by name, as the spec writes them."""
        unknown = set(tensors) - set(self.tensors) | set(scalars) - set(self.scalars) | set(options) - set(self.options)
        if unknown:
            raise Refused("no such name: " + ", ".join(sorted(unknown)))
        held = [DLTensor(tensors[n]) if n in tensors else None for n in self.tensors]
        pointers = (c.POINTER(DLTensor) * len(held))(*[c.pointer(t) if t else None for t in held])
        values = (Scalar * max(len(self.scalars), 1))()
        for place, name in zip(values, self.scalars):
            value = scalars.get(name, self.scalars[name])
            if isinstance(value, int) or name.endswith(("_index", "_idx")):
                place.i = int(value)
            else:
                place.f = value
        chosen = (c.c_int32 * max(len(self.options), 1))(*[names.index(options[n]) if n in options else first for n, (names, first) in self.options.items()])
        call = Call(c.sizeof(Call), self.k, pointers, len(held), values, len(self.scalars), chosen, len(self.options), None, None, 0, 0, 0)
        size = c.c_size_t()
        self.liger.check(self.liger.lib.lgr_workspace_size(self.liger.ctx, c.byref(call), c.byref(size)))
        device = next(iter(tensors.values())).device
        room = torch.empty(size.value + 256, dtype=torch.uint8, device=device)
        call.workspace, call.workspace_size = (room.data_ptr() + 255) // 256 * 256, size.value
        if device.type == "cuda":
            call.stream = torch.cuda.current_stream(device).cuda_stream or None
        self.liger.check(self.liger.lib.lgr_launch(self.liger.ctx, c.byref(call)))
        if device.type == "cuda":
            torch.cuda.synchronize()


class Liger:
    """A context that compiles the specs of a folder when their kernels are called."""
    def __init__(self, library, compiler, specs):
        self.lib = c.CDLL(library)
        self.lib.lgr_kernel_tensor.restype = TensorInfo
        for name in ("lgr_kernel_scalar", "lgr_kernel_option", "lgr_kernel_option_choice"):
            getattr(self.lib, name).restype = c.c_char_p
        config = Config(size=c.sizeof(Config), compiler=compiler.encode())
        self.ctx, self.kernels = c.c_void_p(), {}
        self.check(self.lib.lgr_context_create(c.byref(config), c.byref(self.ctx)))
        for path in specs:
            self.check(self.lib.lgr_spec_open(self.ctx, path.encode()))

    def check(self, status):
        if status:
            text = c.create_string_buffer(600)
            self.lib.lgr_last_error_text(text, c.c_size_t(len(text)))
            raise Refused(text.value.decode())

    def kernel(self, op, kernel):
        if (op, kernel) not in self.kernels:
            self.kernels[op, kernel] = Kernel(self, op, kernel)
        return self.kernels[op, kernel]

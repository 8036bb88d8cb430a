"""nn.Module: PyTorch's way to put parameters and parts together, with its names, hooks and state dicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from engine import dispatch
from engine.landing import MISTAKES, clear
from engine.state import State, changed
from tapegraph.torch.backward import Handle
from tapegraph.torch.cell import of, write
from tapegraph.torch.dtypes import device as _device
from tapegraph.torch.dtypes import float16, float32, float64, kind
from tapegraph.torch.modes import no_grad
from tapegraph.torch.nn.hooks import PassedBack, registered
from tapegraph.torch.nn.parameter import Parameter, buffer_of
from tapegraph.torch.nn.saving import Saving
from tapegraph.torch.nn.walking import Walking
from tapegraph.torch.tensor import Tensor


class Module(Walking, Saving):
    """Base class of networks: parameters, buffers and modules assigned to attributes are found again by name."""

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _version = 1

    def __init__(self, *_: Any, **__: Any) -> None:
        self._prepare()

    def _prepare(self) -> None:
        own = self.__dict__
        if "_parameters" not in own:
            own.update(_parameters={}, _buffers={}, _modules={}, _transient=set(), _training=True)
            own.update(_forward_hooks={}, _forward_pre_hooks={}, _backward_hooks={})

    # ------------------------------------------------------------------------------------------ attributes

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        for held in ("_parameters", "_buffers", "_modules"):
            if held in own and name in own[held]:
                return own[held][name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        parameters = own.get("_parameters")
        if isinstance(value, Parameter | Module):
            if parameters is None:
                raise AttributeError(f"cannot assign {type(value).__name__} before Module.__init__() call")
            self._forget(name)
            named(name, value)
            own["_parameters" if isinstance(value, Parameter) else "_modules"][name] = value
        elif parameters is not None and name in parameters:
            if value is not None:
                raise TypeError(
                    f"cannot assign {type(value).__name__} as parameter {name!r} (nn.Parameter or None expected)"
                )
            parameters[name] = None
        elif parameters is not None and name in own["_buffers"]:
            self._set_buffer(name, value)
        elif parameters is not None and name in own["_modules"]:
            if value is not None:
                raise TypeError(
                    f"cannot assign {type(value).__name__} as child module {name!r} (nn.Module or None expected)"
                )
            own["_modules"][name] = None
        else:
            object.__setattr__(self, name, value)

    def _set_buffer(self, name: str, value: Any) -> None:
        held = self._buffers[name]
        if held is None or value is None or not isinstance(value, Tensor):
            self._buffers[name] = value if value is None else buffer_of(value)
            return
        new = of(value)
        if tuple(new.shape) == tuple(of(held).shape) and new.dtype == of(held).dtype:
            with no_grad():
                write(held, new)  # into the state, which compiled functions know
        else:
            self._buffers[name] = buffer_of(value)

    def _forget(self, name: str) -> None:
        own = self.__dict__
        own.pop(name, None)
        for held in ("_parameters", "_buffers", "_modules"):
            if held in own:
                own[held].pop(name, None)

    def __delattr__(self, name: str) -> None:
        if any(name in self.__dict__.get(held, ()) for held in ("_parameters", "_buffers", "_modules")):
            self._forget(name)
        else:
            object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        return sorted({*object.__dir__(self), *self._parameters, *self._buffers, *self._modules})

    def register_buffer(self, name: str, tensor: Any, persistent: bool = True) -> None:
        """Keep a tensor (or None) that is saved, unless ``persistent`` is False, but not trained."""
        self._check(name)
        self.__dict__.pop(name, None)
        self._buffers[name] = None if tensor is None else buffer_of(tensor)
        if tensor is not None:
            named(name, self._buffers[name])
        (self._transient.discard if persistent else self._transient.add)(name)

    def register_parameter(self, name: str, param: Any) -> None:
        """Keep a Parameter, or None in its place."""
        self._check(name)
        if param is None:
            self._parameters[name] = None
        else:
            setattr(self, name, param)

    def add_module(self, name: str, module: Any) -> None:
        """Keep a module, or None in its place."""
        self._check(name)
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{module!r} is not a Module subclass")
        self._modules[name] = module
        if module is not None:
            named(name, module)

    register_module = add_module

    def _check(self, name: str) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot register before Module.__init__() call")
        if not isinstance(name, str) or "." in name or name == "":
            raise KeyError(f"a name must be a string without dots, not {name!r}")
        if hasattr(self, name) and not any(name in d for d in (self._parameters, self._buffers, self._modules)):
            raise KeyError(f"attribute {name!r} already exists")

    # ------------------------------------------------------------------------------------------ calling

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            interpreter = dispatch.current()
            if hasattr(interpreter, "calling"):  # it keeps account of what the program consists of
                interpreter.watch(self, "_hook_ids")
                with interpreter.calling(self):
                    return self._called(args, kwargs)
            return self._called(args, kwargs)
        except MISTAKES as error:
            clear(error)
            raise

    def _called(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        own = self.__dict__
        compiled = own.get("_compiled")
        if compiled is not None:
            return compiled(*args, **kwargs)
        if not own["_forward_hooks"] and not own["_forward_pre_hooks"] and not own["_backward_hooks"]:
            return self.forward(*args, **kwargs)
        return self._hooked(args, kwargs)

    @property
    def _hook_ids(self) -> tuple[int, ...]:
        return (*self._forward_pre_hooks, *self._forward_hooks, *self._backward_hooks)

    def _hooked(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        for hook, with_kwargs in list(self._forward_pre_hooks.values()):
            found = hook(self, args, kwargs) if with_kwargs else hook(self, args)
            if found is not None:
                if with_kwargs:
                    args, kwargs = found
                else:
                    args = found if isinstance(found, tuple) else (found,)
        watch = PassedBack(self) if self._backward_hooks and dispatch.current().grad_enabled else None
        args = args if watch is None else watch.inputs(args)
        result = self.forward(*args, **kwargs)
        result = result if watch is None else watch.outputs(result)
        for hook, with_kwargs in list(self._forward_hooks.values()):
            found = hook(self, args, kwargs, result) if with_kwargs else hook(self, args, result)
            result = result if found is None else found
        return result

    def register_forward_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False, **_: Any
    ) -> Handle:
        """Call ``hook(module, args, output)`` after each forward; what it returns takes the place of the output."""
        return registered(self._forward_hooks, (hook, with_kwargs), prepend)

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> Handle:
        """Call ``hook(module, args)`` before each forward; what it returns takes the place of the arguments."""
        return registered(self._forward_pre_hooks, (hook, with_kwargs), prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> Handle:
        """Call ``hook(module, grad_input, grad_output)`` when gradients have passed; what it returns replaces grad_input."""
        return registered(self._backward_hooks, hook, prepend)

    register_backward_hook = register_full_backward_hook

    def compile(self, **_: Any) -> None:
        """Have calls of this module compiled; see ``torch.compile``."""
        from tapegraph.torch.compiling import compile_call

        self.__dict__.pop("_compiled", None)
        self.__dict__["_compiled"] = compile_call(self)

    # ------------------------------------------------------------------------------------------ switching

    @property
    def training(self) -> bool:
        """Whether it is being trained; set by ``train`` and ``eval``. A trace that reads it holds for this value only."""
        watch = getattr(dispatch.current(), "watch", None)
        if watch is not None:
            watch(self, "_training")
        return bool(self.__dict__["_training"])

    @training.setter
    def training(self, mode: bool) -> None:
        self.__dict__["_training"] = bool(mode)
        changed()

    def train(self, mode: bool = True) -> Any:
        """Switch dropout and its like on or off, here and in every part; returns the module."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Any:
        """Switch to inference; returns the module."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Freeze (False) or thaw every parameter; returns the module."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of every parameter, or set them to zero."""
        forget_gradients(self.parameters(), set_to_none)

    def apply(self, fn: Callable[[Any], Any]) -> Any:
        """Call ``fn`` on every part, innermost first, then on this module; returns the module."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Parameters and float buffers in another float dtype; devices are all the CPU. Returns the module."""
        target = kwargs.get("dtype")
        for given in args:
            if isinstance(given, Tensor):
                target = given.dtype
            elif isinstance(given, str | _device):
                _device(given)
            elif given is not None and not isinstance(given, bool | int):
                target = given
        if kwargs.get("device") is not None:
            _device(kwargs["device"])
        if target is not None:
            for module in self.modules():
                module._cast(kind(target))
        return self

    def _cast(self, dtype: Any) -> None:
        for tensor in (*self._parameters.values(), *self._buffers.values()):
            if tensor is not None and tensor.is_floating_point() and of(tensor).dtype != dtype:
                tensor.data = tensor.detach().to(dtype)

    def float(self) -> Any:
        """Parameters and float buffers as float32."""
        return self.to(float32)

    def double(self) -> Any:
        """Parameters and float buffers as float64."""
        return self.to(float64)

    def half(self) -> Any:
        """Parameters and float buffers as float16, which can be stored but not computed with."""
        return self.to(float16)

    def cpu(self) -> Any:
        """The module itself."""
        return self

    def cuda(self, device: Any = None) -> Any:
        """Raises UnsupportedError: there is no GPU here."""
        return self.to("cuda")

    def share_memory(self) -> Any:
        """The module itself."""
        return self

    # ------------------------------------------------------------------------------------------ showing

    def extra_repr(self) -> str:
        """The arguments shown by ``repr``."""
        return ""

    def _get_name(self) -> str:
        return type(self).__name__

    def __repr__(self) -> str:
        extra = self.extra_repr()
        parts = [f"({name}): " + repr(module).replace("\n", "\n  ") for name, module in self._modules.items()]
        if not parts:
            return f"{self._get_name()}({extra})"
        return f"{self._get_name()}(\n  " + "\n  ".join(([extra] if extra else []) + parts) + "\n)"


def named(name: str, value: Any) -> None:
    """Give the states inside ``value`` their dotted paths as names, for messages; a longer path replaces a shorter one."""
    if isinstance(value, Tensor):
        held = value._handle
        if isinstance(held, State) and held.name is None:
            held.name = name
        return
    for path, tensor in [*value.named_parameters(), *value.named_buffers()]:
        held = tensor._handle
        if isinstance(held, State) and held.name in (None, path):
            held.name = f"{name}.{path}"


def forget_gradients(parameters: Any, set_to_none: bool) -> None:
    """Forget gradients, or set them to zero where there are any."""
    for parameter in parameters:
        if set_to_none:
            parameter.grad = None
        elif parameter.grad is not None:
            parameter.grad = parameter.grad.detach() * 0.0

//! One script in an interpreter of its own, from its source to JSON.
//!
//! What the script can reach it may have changed by the time the host uses it: prototypes, globals, `then`. So the host reads
//! states and properties through the interpreter's own functions, never by calling what a script could have replaced, and what it
//! needs of the language it takes before the script begins.

use std::{cell::Cell, cell::RefCell, rc::Rc, time::Duration};

use rquickjs::{
    CaughtError, Coerced, Context, Ctx, Error, Function, Module, Promise, Runtime, Value, promise::PromiseState,
};
use rustix::time::{ClockId, clock_gettime};
use serde_json::value::RawValue;

use super::{
    Bound, MAX_OUTPUT_BYTES,
    child::Saying,
    confine, console,
    frames::{Failed, Order, Told},
    json::{self, Unfit},
};

/// The stack of a script: recursion ends in an exception of the language long before the process's stack does.
const STACK_BYTES: usize = 512 << 10;
/// How much of a message and of a stack is told.
const MAX_MESSAGE_BYTES: usize = 2 << 10;
const MAX_STACK_BYTES: usize = 4 << 10;
/// The name of the source in stacks.
const SOURCE_NAME: &str = "code.js";
/// What the kernel adds to a script's processor time before it ends the process, in seconds.
const CPU_GRACE_S: u64 = 2;
/// Awaits what the handler gives, by the interpreter's own promises.
const CALLER: &str = "(async (handler, input, context) => await handler(input, context))";

/// Runs a script and tells what came of it.
pub(super) fn run(order: &Order, saying: &Rc<RefCell<Saying>>) -> Told {
    let clock = Clock::start(Duration::from_millis(order.cpu_ms));
    match begin(order, saying, &clock) {
        Ok(output) => Told::Done(output),
        // Whatever the script made of being stopped.
        Err(_) if clock.is_over() => Told::Failed(Failed::Exceeded(Bound::Cpu)),
        Err(failed) => Told::Failed(failed),
    }
}

/// The processor time of one call.
#[derive(Clone)]
struct Clock {
    end: Duration,
    over: Rc<Cell<bool>>,
}

impl Clock {
    fn start(limit: Duration) -> Self {
        let used = used();
        confine::bound_cpu(used.as_secs(), limit.as_secs() + CPU_GRACE_S);
        Self { end: used + limit, over: Rc::default() }
    }

    /// Once it is over it stays so: an exception that a script swallows is followed by the next.
    fn is_over(&self) -> bool {
        if !self.over.get() && used() >= self.end {
            self.over.set(true);
        }
        self.over.get()
    }
}

/// The processor time that this process has used.
fn used() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

fn begin(order: &Order, saying: &Rc<RefCell<Saying>>, clock: &Clock) -> Result<Box<RawValue>, Failed> {
    let no_memory = |_| Failed::Exceeded(Bound::Memory);
    let runtime = Runtime::new().map_err(no_memory)?;
    runtime.set_memory_limit(usize::try_from(order.memory_bytes).unwrap_or(usize::MAX));
    runtime.set_max_stack_size(STACK_BYTES);
    let watch = clock.clone();
    runtime.set_interrupt_handler(Some(Box::new(move || watch.is_over())));
    let context = Context::full(&runtime).map_err(no_memory)?;
    context.with(|ctx| {
        let script = Script { ctx: ctx.clone(), clock };
        script.run(order, saying)
    })
}

struct Script<'js, 'c> {
    ctx: Ctx<'js>,
    clock: &'c Clock,
}

impl<'js> Script<'js, '_> {
    fn run(&self, order: &Order, saying: &Rc<RefCell<Saying>>) -> Result<Box<RawValue>, Failed> {
        let ctx = &self.ctx;
        console::install(ctx, saying).map_err(|error| self.failed(error))?;
        let caller: Function<'js> = ctx.eval(CALLER).map_err(|error| self.failed(error))?;
        let input = ctx.json_parse(order.input.get()).map_err(|error| self.failed(error))?;
        let context = ctx.json_parse(order.context.get()).map_err(|error| self.failed(error))?;
        let module = Module::declare(ctx.clone(), SOURCE_NAME, order.source.as_str());
        let (module, evaluated) = module.and_then(Module::eval).map_err(|error| self.failed(error))?;
        self.settle(&evaluated)?;
        let handler: Value<'js> = module.get("default").map_err(|error| self.failed(error))?;
        if !handler.is_function() {
            return Err(thrown(
                "the module has no function as its default export: write `export default (input, ctx) => ...`",
            ));
        }
        let called: Promise<'js> = caller.call((handler, input, context)).map_err(|error| self.failed(error))?;
        let value = self.settle(&called)?;
        match json::write(&value, MAX_OUTPUT_BYTES) {
            Ok(text) => RawValue::from_string(text).map_err(|error| Failed::Output(error.to_string())),
            Err(Unfit::TooLarge) => Err(Failed::Exceeded(Bound::Output)),
            Err(Unfit::NoJson(why)) => Err(Failed::Output(why)),
            Err(Unfit::Threw(error)) => Err(self.failed(error)),
        }
    }

    /// Runs jobs until a promise is settled, and gives its value.
    fn settle(&self, promise: &Promise<'js>) -> Result<Value<'js>, Failed> {
        loop {
            match promise.state() {
                PromiseState::Pending if self.clock.is_over() => return Err(Failed::Exceeded(Bound::Cpu)),
                PromiseState::Pending => {
                    // A job that throws has settled whatever waits for it.
                    if !self.ctx.execute_pending_job() {
                        return Err(thrown("the script waits for a promise that nothing settles any more"));
                    }
                }
                PromiseState::Resolved | PromiseState::Rejected => {
                    let settled = promise.result::<Value<'js>>().unwrap_or(Err(Error::Unknown));
                    return settled.map_err(|error| self.failed(error));
                }
            }
        }
    }

    /// What an error of the interpreter means. The properties of an exception may be the script's own, and throw.
    fn failed(&self, error: Error) -> Failed {
        if matches!(error, Error::Allocation) {
            return Failed::Exceeded(Bound::Memory);
        }
        match CaughtError::from_error(&self.ctx, error) {
            CaughtError::Exception(exception) => {
                let name = exception.get::<_, Coerced<String>>("name").map_or_else(|_| self.forget(), |name| name.0);
                let message =
                    exception.get::<_, Coerced<String>>("message").map_or_else(|_| self.forget(), |message| message.0);
                if name == "InternalError" && message == "out of memory" {
                    return Failed::Exceeded(Bound::Memory);
                }
                let stack =
                    exception.get::<_, Coerced<String>>("stack").map_or_else(|_| self.forget(), |stack| stack.0);
                let said = match (name.is_empty(), message.is_empty()) {
                    (true, true) => "an error without a message was thrown".to_owned(),
                    (true, false) => message,
                    (false, true) => name,
                    (false, false) => format!("{name}: {message}"),
                };
                // The frame of the host's own caller says nothing to anybody.
                let frames: Vec<&str> =
                    stack.lines().map(str::trim).filter(|frame| frame.contains(SOURCE_NAME)).collect();
                let stack = cut(&frames.join("\n"), MAX_STACK_BYTES);
                Failed::Thrown { message: cut(&said, MAX_MESSAGE_BYTES), stack: (!stack.is_empty()).then_some(stack) }
            }
            CaughtError::Value(value) if value.is_null() => Failed::Null,
            CaughtError::Value(value) => {
                let text = json::write(&value, MAX_MESSAGE_BYTES).unwrap_or_else(|_| value.type_name().to_owned());
                self.forget();
                thrown(&format!("{text} was thrown, which is no error"))
            }
            CaughtError::Error(error) => thrown(&error.to_string()),
        }
    }

    /// Drops an exception that nobody asks about.
    fn forget(&self) -> String {
        self.ctx.catch();
        String::new()
    }
}

fn thrown(message: &str) -> Failed {
    Failed::Thrown { message: message.to_owned(), stack: None }
}

/// The beginning of a text, in whole characters.
pub(super) fn cut(text: &str, bytes: usize) -> String {
    text[..text.floor_char_boundary(bytes)].to_owned()
}

//! Passwords: Argon2id (RFC 9106) with 19 MiB, two passes and one lane, on threads of its own.
//!
//! Owns: the queues and what the threads work in. Each thread has its own queue, so that the asker never waits for a lock; a question goes to the
//! next queue with a place, and answers come in any order. The memory is kept while passwords come and freed
//! when none has for a while.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};

use crate::kernel::ask::{Answer, Hashing, Outcome, Refusal, Ticket};
use crate::kernel::secret::Secret;
use crate::limits;

/// Memory for one password, in KiB.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over it.
const PASSES: u32 = 2;
/// Lanes of it.
const LANES: u32 = 1;
/// What a kept hash may ask for at most: memory in KiB, passes, lanes. Hashes from elsewhere may be costlier than ours.
const CEILING: (u32, u32, u32) = (64 * 1024, 10, 4);
/// Length of a salt and of a hash, in bytes.
const SALT_BYTES: usize = 16;
const HASH_BYTES: usize = 32;
/// After how long without a password the memory is freed.
const IDLE: Duration = Duration::from_secs(10);
/// How much the threads yield to the loop (see setpriority(2)).
const NICENESS: i32 = 10;

/// After how long whoever asked has been told that there is no answer.
const PATIENCE: Duration = Duration::from_millis(limits::HASH_MS);

/// Nothing more may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

/// A question on its way.
#[derive(Debug)]
struct Asked {
    ticket: Ticket,
    hashing: Hashing,
    since: Instant,
}

/// Where passwords are brought. The threads end when it is dropped and nothing waits any more.
#[derive(Debug)]
pub struct Handle {
    queues: Vec<SyncSender<Asked>>,
    /// Whose turn it is.
    next: usize,
}

impl Handle {
    /// Asks; the answer comes with the same ticket. Never blocks: when [`limits::HASHES_MAX`] wait, it refuses.
    pub fn ask(&mut self, ticket: Ticket, hashing: Hashing) -> Result<(), Busy> {
        let mut question = Asked {
            ticket,
            hashing,
            since: Instant::now(),
        };
        for _ in 0..self.queues.len() {
            let queue = &self.queues[self.next];
            self.next = (self.next + 1) % self.queues.len();
            question = match queue.try_send(question) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(question) | TrySendError::Disconnected(question)) => {
                    question
                }
            };
        }
        Err(Busy)
    }
}

/// How many threads suit this machine: one on two cores or fewer, else half as many as cores, up to four.
pub fn threads() -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    (cores / 2).clamp(1, 4)
}

/// Starts so many threads (at least one); `answer` is called on them. The error is the one of starting a thread.
pub fn start(
    threads: usize,
    answer: impl Fn(Vec<(Ticket, Outcome)>) + Clone + Send + 'static,
) -> io::Result<Handle> {
    let cost = Cost::new(MEMORY_KIB, PASSES, LANES).map_err(io::Error::other)?;
    spawn(threads, PATIENCE, answer, move |memory, hashing| {
        cost.work(memory, hashing)
    })
}

/// Starts threads that do `work`, in memory that is theirs until `work` panics or nothing happens for a while. What waited for
/// so long as `patience` is not worth it any more.
fn spawn(
    threads: usize,
    patience: Duration,
    answer: impl Fn(Vec<(Ticket, Outcome)>) + Clone + Send + 'static,
    work: impl Fn(&mut Vec<Block>, &Hashing) -> Outcome + Clone + Send + 'static,
) -> io::Result<Handle> {
    let threads = threads.max(1);
    let places = limits::HASHES_MAX.div_ceil(threads);
    let mut queues = Vec::with_capacity(threads);
    for number in 0..threads {
        let (queue, questions) = sync_channel(places);
        let (answer, work) = (answer.clone(), work.clone());
        thread::Builder::new()
            .name(format!("hash-{number}"))
            .spawn(move || {
                yield_to_others();
                serve(&questions, patience, answer, work);
            })?;
        queues.push(queue);
    }
    Ok(Handle { queues, next: 0 })
}

fn serve(
    questions: &Receiver<Asked>,
    patience: Duration,
    answer: impl Fn(Vec<(Ticket, Outcome)>),
    work: impl Fn(&mut Vec<Block>, &Hashing) -> Outcome,
) {
    let mut memory = Vec::new();
    loop {
        let next = match questions.recv_timeout(IDLE) {
            Err(RecvTimeoutError::Timeout) => {
                memory = Vec::new();
                questions.recv().ok()
            }
            next => next.ok(),
        };
        let Some(Asked {
            ticket,
            hashing,
            since,
        }) = next
        else {
            return;
        };
        if since.elapsed() >= patience {
            answer(vec![(ticket, Err(Refusal::Unavailable))]);
            continue;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&mut memory, &hashing)));
        let outcome = outcome.unwrap_or_else(|_| {
            memory = Vec::new();
            Err(Refusal::Unavailable)
        });
        answer(vec![(ticket, outcome)]);
    }
}

/// Lets the loop have the processor first. Where priorities belong to processes, all threads stay equal.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        log::warn!("the priority of a hashing thread stays as it is: {error}");
    }
}

/// What hashing a password costs.
#[derive(Clone, Debug)]
struct Cost(Params);

impl Cost {
    fn new(memory_kib: u32, passes: u32, lanes: u32) -> argon2::Result<Self> {
        Params::new(memory_kib, passes, lanes, Some(HASH_BYTES)).map(Self)
    }

    fn work(&self, memory: &mut Vec<Block>, hashing: &Hashing) -> Outcome {
        match hashing {
            Hashing::Hash(password) => self
                .hash(memory, password)
                .map(Answer::Hashed)
                .ok_or(Refusal::Unavailable),
            Hashing::Verify { password, phc } => self
                .verify(memory, password, phc.as_deref())
                .map(Answer::Verified)
                .ok_or(Refusal::Unavailable),
        }
    }

    /// Hashes a new password; `None` without memory or randomness.
    fn hash(&self, memory: &mut Vec<Block>, password: &Secret) -> Option<String> {
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).ok()?;
        let hash = derive(memory, &self.0, Version::V0x13, password, &salt, HASH_BYTES)?;
        let phc = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(&self.0).ok()?,
            salt: Salt::new(&salt).ok(),
            hash: Some(hash),
        };
        Some(phc.to_string())
    }

    /// Whether `phc` is a hash of `password`. Without one, or with one that makes no sense, a hash that nothing is
    /// compared with takes the same time. `None` without memory.
    fn verify(
        &self,
        memory: &mut Vec<Block>,
        password: &Secret,
        phc: Option<&str>,
    ) -> Option<bool> {
        if let Some(phc) = phc {
            if let Some(kept) = Kept::read(phc) {
                let salt = kept.salt.as_ref();
                let len = kept.hash.len();
                let hash = derive(memory, &kept.params, kept.version, password, salt, len)?;
                // In constant time, says `Output`.
                return Some(hash == kept.hash);
            }
            log::error!("a password's hash in the store cannot be read");
        }
        let salt = [0; SALT_BYTES];
        let hash = derive(memory, &self.0, Version::V0x13, password, &salt, HASH_BYTES)?;
        std::hint::black_box(hash);
        Some(false)
    }
}

/// The hash of somebody's password, as it was kept.
struct Kept {
    params: Params,
    version: Version,
    salt: Salt,
    hash: Output,
}

impl Kept {
    /// Reads the PHC string format; `None` if it is not that, not Argon2id, or costs more than it may.
    fn read(phc: &str) -> Option<Self> {
        let phc = PasswordHash::new(phc).ok()?;
        let params = Params::try_from(&phc).ok()?;
        let is_ours = phc.algorithm == Algorithm::Argon2id.ident()
            && params.m_cost() <= CEILING.0
            && params.t_cost() <= CEILING.1
            && params.p_cost() <= CEILING.2;
        is_ours.then_some(())?;
        Some(Self {
            version: Version::try_from(phc.version?).ok()?,
            salt: phc.salt?,
            hash: phc.hash?,
            params,
        })
    }
}

/// The hash itself, of `len` bytes; `None` without memory.
fn derive(
    memory: &mut Vec<Block>,
    params: &Params,
    version: Version,
    password: &Secret,
    salt: &[u8],
    len: usize,
) -> Option<Output> {
    let wanted = params.block_count();
    let missing = wanted.saturating_sub(memory.len());
    memory.try_reserve_exact(missing).ok()?;
    memory.resize(wanted.max(memory.len()), Block::new());
    let argon2 = Argon2::new(Algorithm::Argon2id, version, params.clone());
    let password = password.expose().as_bytes();
    let mut hash = [0; Output::MAX_LENGTH];
    let hash = hash.get_mut(..len)?;
    argon2
        .hash_password_into_with_memory(password, salt, hash, &mut memory[..wanted])
        .ok()?;
    Output::new(hash).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};

    /// Patience with a machine that has other things to do.
    const LONG: Duration = Duration::from_secs(60);

    fn cheap() -> Cost {
        Cost::new(8, 1, 1).expect("sound")
    }

    fn handle(threads: usize) -> (Handle, Receiver<Vec<(Ticket, Outcome)>>) {
        let (sender, answers) = channel();
        let cost = cheap();
        let handle = spawn(
            threads,
            PATIENCE,
            move |outcomes| drop(sender.send(outcomes)),
            move |memory, hashing| cost.work(memory, hashing),
        );
        (handle.expect("started"), answers)
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    fn verify(password: &str, phc: Option<&str>) -> Hashing {
        Hashing::Verify {
            password: secret(password),
            phc: phc.map(str::to_owned),
        }
    }

    fn verified(phc: Option<&str>, password: &str) -> Outcome {
        cheap().work(&mut Vec::new(), &verify(password, phc))
    }

    #[test]
    fn what_was_hashed_is_verified_and_nothing_else() {
        let (mut handle, answers) = handle(1);
        handle
            .ask(Ticket(7), Hashing::Hash(secret("correct horse")))
            .expect("room");
        let [(Ticket(7), Ok(Answer::Hashed(phc)))] = &answers.recv_timeout(LONG).expect("one")[..]
        else {
            panic!("not hashed");
        };
        assert!(phc.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{phc}");
        for (password, expected) in [
            ("correct horse", true),
            ("correct horse ", false),
            ("Correct horse", false),
            ("", false),
        ] {
            assert_eq!(
                verified(Some(phc), password),
                Ok(Answer::Verified(expected)),
                "{password:?}"
            );
        }
    }

    #[test]
    fn the_cost_is_the_one_recommended() {
        let (sender, answers) = channel();
        let mut handle = start(1, move |outcomes| drop(sender.send(outcomes))).expect("started");
        handle
            .ask(Ticket(1), Hashing::Hash(secret("correct horse")))
            .expect("room");
        let [(_, Ok(Answer::Hashed(phc)))] = &answers.recv_timeout(LONG).expect("one")[..] else {
            panic!("not hashed");
        };
        assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
        let kept = Kept::read(phc).expect("sound");
        assert_eq!((kept.salt.len(), kept.hash.len()), (16, 32));
    }

    #[test]
    fn salts_differ() {
        let hash = || {
            cheap()
                .hash(&mut Vec::new(), &secret("same"))
                .expect("hashed")
        };
        assert_ne!(hash(), hash());
    }

    #[test]
    fn hashes_of_other_makers_and_costs_are_verified() {
        // A test vector of the reference implementation.
        let phc =
            "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc";
        assert_eq!(verified(Some(phc), "password"), Ok(Answer::Verified(true)));
        assert_eq!(verified(Some(phc), "passwore"), Ok(Answer::Verified(false)));
    }

    #[test]
    fn without_a_hash_the_same_memory_is_filled_and_the_answer_is_no() {
        let cost = cheap();
        let mut memory = Vec::new();
        let outcome = cost.work(&mut memory, &verify("anything", None));
        assert_eq!(outcome, Ok(Answer::Verified(false)));
        assert_eq!(memory.len(), cost.0.block_count());
        let blank = Block::new();
        assert!(memory.iter().all(|block| block.as_ref() != blank.as_ref()));
    }

    #[test]
    fn a_hash_that_makes_no_sense_is_nobodys() {
        let sound = cheap().hash(&mut Vec::new(), &secret("x")).expect("hashed");
        for phc in [
            "",
            "x",
            "$",
            "$argon2id$",
            "$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA",
            "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
            &sound.replace("argon2id", "argon2d"),
            &sound.replace("m=8", "m=4294967295"),
            &sound.replace("m=8", "m=1"),
            &sound.replace("t=1", "t=4000000000"),
            &sound.replace("p=1", "p=0"),
            &sound.replace("v=19", "v=99"),
            &sound[..sound.len() - 30],
        ] {
            assert_eq!(
                verified(Some(phc), "x"),
                Ok(Answer::Verified(false)),
                "{phc}"
            );
        }
    }

    #[test]
    fn a_full_queue_refuses_and_recovers() {
        let (sender, answers) = channel();
        let (open, gate) = sync_channel::<()>(0);
        let gate = std::sync::Arc::new(std::sync::Mutex::new(gate));
        let mut handle = spawn(
            1,
            PATIENCE,
            move |outcomes: Vec<_>| drop(sender.send(outcomes)),
            move |_, _| {
                let _ = gate.lock().expect("sound").recv();
                Ok(Answer::Verified(false))
            },
        )
        .expect("started");
        // One may be in work besides those that wait.
        let most = limits::HASHES_MAX + 1;
        let taken = (0..most as u64 + 1)
            .take_while(|number| handle.ask(Ticket(*number), verify("x", None)).is_ok())
            .count();
        assert!((limits::HASHES_MAX..=most).contains(&taken), "{taken}");
        drop(open);
        for _ in 0..taken {
            assert_eq!(answers.recv_timeout(LONG).expect("one").len(), 1);
        }
        assert_eq!(handle.ask(Ticket(99), verify("x", None)), Ok(()));
        let outcomes = answers.recv_timeout(LONG).expect("one");
        assert_eq!(outcomes, [(Ticket(99), Ok(Answer::Verified(false)))]);
    }

    #[test]
    fn every_question_is_answered_once_whoever_works() {
        let (mut handle, answers) = handle(3);
        for number in 0..limits::HASHES_MAX as u64 {
            handle.ask(Ticket(number), verify("x", None)).expect("room");
        }
        drop(handle);
        let mut answered: Vec<u64> = answers
            .iter()
            .flatten()
            .map(|(ticket, _)| ticket.0)
            .collect();
        answered.sort_unstable();
        assert!(answered.into_iter().eq(0..limits::HASHES_MAX as u64));
    }

    #[test]
    fn what_nobody_waits_for_any_more_is_not_hashed() {
        let (sender, answers) = channel();
        let mut handle = spawn(
            1,
            Duration::ZERO,
            move |outcomes: Vec<_>| drop(sender.send(outcomes)),
            |_, _| Ok(Answer::Verified(true)),
        )
        .expect("started");
        handle.ask(Ticket(1), verify("x", None)).expect("room");
        let outcomes = answers.recv_timeout(LONG).expect("one");
        assert_eq!(outcomes, [(Ticket(1), Err(Refusal::Unavailable))]);
        drop(handle);
        assert!(answers.recv().is_err(), "the thread has ended in peace");
    }

    #[test]
    fn a_panic_is_an_answer_and_not_the_end() {
        let (sender, answers) = channel();
        let mut handle = spawn(
            1,
            PATIENCE,
            move |outcomes: Vec<_>| drop(sender.send(outcomes)),
            move |_, hashing| match hashing {
                Hashing::Hash(_) => panic!("as the test wants"),
                Hashing::Verify { .. } => Ok(Answer::Verified(false)),
            },
        )
        .expect("started");
        handle
            .ask(Ticket(1), Hashing::Hash(secret("x")))
            .expect("room");
        handle.ask(Ticket(2), verify("x", None)).expect("room");
        let outcomes: Vec<_> = (0..2)
            .flat_map(|_| answers.recv_timeout(LONG).expect("one"))
            .collect();
        assert_eq!(
            outcomes,
            [
                (Ticket(1), Err(Refusal::Unavailable)),
                (Ticket(2), Ok(Answer::Verified(false))),
            ]
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_asker_keeps_its_priority() {
        let before = rustix::process::getpriority_process(None).expect("known");
        let (handle, _answers) = handle(2);
        let (sender, seen) = channel();
        let worker = thread::spawn(move || {
            yield_to_others();
            sender
                .send(rustix::process::getpriority_process(None).expect("known"))
                .expect("heard");
        });
        worker.join().expect("well");
        assert_eq!(seen.recv().expect("said"), before.max(NICENESS));
        assert_eq!(
            rustix::process::getpriority_process(None).expect("known"),
            before
        );
        drop(handle);
    }
}

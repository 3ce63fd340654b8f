private import CLinux

/// The heap of this process. A gateway does little with many threads, and its largest work (a month sealed, a
/// chain proven) is over in seconds: without this the heap stays as large as it once was.
public enum ProcessMemory {
    /// Bounds what the heap keeps for later. For the start of the program, before other threads run.
    public static func bound() { clinux_bound_heap() }

    /// Gives the kernel what the heap holds and does not use. Takes milliseconds.
    public static func giveBack() { clinux_give_back_heap() }
}

import java.util.concurrent.Callable
import java.util.concurrent.ExecutionException
import java.util.concurrent.Executors
import java.util.concurrent.FutureTask
import java.util.concurrent.TimeUnit

/** Slices worked on side by side, each in one thread. */
class SideBySide {

	/**
	 * Runs `work` on each slice; with one at a time in the caller's thread.
	 *
	 * @param begin told the slice before its work
	 * @param end told the slice, in their order, and its failure or null; true ends the run
	 */
	static void run(List<Integer> slices, int atOnce, Closure begin, Closure work, Closure<Boolean> end) {
		boolean ended = false
		def settle = { int i, FutureTask<Void> task ->
			Throwable failure = null
			try {
				task.get()
			} catch (ExecutionException failed) {
				failure = failed.cause
				if (failure instanceof Error || failure instanceof Cancelled) throw failure
			}
			ended = end(i, failure)
		}
		def pool = atOnce > 1 ? Executors.newFixedThreadPool(atOnce) : null
		def underWay = new ArrayDeque<List>()
		try {
			for (i in slices) {
				int slice = i
				while (underWay.size() >= atOnce) settle(*underWay.poll())
				if (ended) break
				begin(slice)
				def task = new FutureTask<Void>({ work(slice) } as Callable<Void>)
				underWay << [slice, task]
				if (pool == null) task.run()
				else pool.execute(task)
			}
			while (!underWay.empty && !ended) settle(*underWay.poll())
		} finally {
			pool?.shutdownNow()
			// The network must not be closed under a slice.
			pool?.awaitTermination(10, TimeUnit.MINUTES)
		}
	}
}

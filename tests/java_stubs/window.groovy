// Drives ImageJ's window. Our commands stand in its menu as imagej-legacy puts them into Fiji's: SciJava
// reads their parameters for real, a macro's options become inputs, and the recorder is told before and after.
import ij.IJ
import ij.ImagePlus
import ij.WindowManager
import ij.gui.GenericDialog
import ij.plugin.frame.Recorder
import ij.plugin.frame.RoiManager
import java.awt.Dialog
import java.awt.EventQueue
import java.awt.Window as AwtWindow
import org.scijava.Context
import org.scijava.convert.ConvertService
import org.scijava.module.ModuleService
import org.scijava.script.ScriptInfo
import org.scijava.script.ScriptModule
import org.scijava.script.ScriptService
import org.scijava.ui.UIService

class Window {

	static Context context
	static Map scripts
	static Map<String, Class> compiled = [:]
	static ByteArrayOutputStream console = new ByteArrayOutputStream()

	static void open(Map commands) {
		scripts = commands
		if (context == null) {
			context = new Context(ScriptService, UIService, ModuleService)
			new ij.ImageJ()
			IJ.setClassLoader(Window.classLoader)
			commands.keySet().each {
				ij.Menus.installPlugin("InstalledCommand(\"$it\")", ij.Menus.PLUGINS_MENU, it.replace('_', ' '), '', IJ.getInstance())
			}
			System.setErr(new PrintStream(console, true))
		}
		close()
	}

	static void close() {
		// What a failed test left behind: a dialog that is only disposed counts as answered.
		for (int i = 0; i < 50 && dialogs(); i++) {
			dialogs().each { it instanceof GenericDialog ? press(it, 'Cancel') : on { it.dispose() } }
			Thread.sleep(100)
		}
		IJ.run('Close All')
		RoiManager.getInstance()?.with { reset(); close() }
		Recorder.getInstance()?.close()
		// A table that is only disposed would be shown again under its title.
		AwtWindow.windows.findAll { it.visible && it instanceof ij.text.TextWindow }*.close(false)
		AwtWindow.windows.findAll { it.visible && !(it instanceof ij.ImageJ) }*.dispose()
		IJ.resetEscape()
		console.reset()
	}

	/** Chooses a command in the menu; the thread in which it runs. */
	static Thread choose(String label) {
		def thread = new Thread({ new ij.Executer(label).run() }, 'chosen ' + label)
		thread.start()
		return thread
	}

	static void end(Thread thread) {
		for (int i = 0; thread.alive && i < 600; i++) {
			if (dialogs().any { it.class.simpleName == 'MessageDialog' }) throw new RuntimeException("$thread.name: ${message()}")
			thread.join(100)
		}
		if (thread.alive) throw new RuntimeException("$thread.name does not end; shown: ${dialogs()*.title}; ${thread.stackTrace.take(9)}")
	}

	static Object await(String what, Closure found) {
		for (int i = 0; i < 1200; i++) {
			def x = found()
			if (x) return x
			Thread.sleep(50)
		}
		throw new RuntimeException("waited in vain for $what; shown: ${dialogs()*.title}; $console")
	}

	static List<Dialog> dialogs() { AwtWindow.windows.findAll { it.visible && it instanceof Dialog } as List }

	static Dialog dialog(String title) { await(title) { dialogs().find { it.title == title } } }

	static GenericDialog asked(String command) { await(command) { dialogs().find { it instanceof GenericDialog && it.title == "Particlebridge: $command".toString() } } }

	/** Types into the fields of a dialog, top to bottom; null leaves one as it is. */
	static void type(GenericDialog dialog, List<String> texts) {
		on { texts.eachWithIndex { text, i -> if (text != null) dialog.stringFields[i].text = text } }
	}

	static void press(Dialog dialog, String label) {
		def button = all(dialog).find { it instanceof java.awt.Button && it.label.trim() == label }
		// A dialog that is only just being shown may outlive the first press.
		for (int i = 0; i < 100 && dialog.visible; i++) {
			on { button.actionListeners*.actionPerformed(new java.awt.event.ActionEvent(button, 1001, label)) }
			Thread.sleep(dialog.visible ? 100 : 0)
		}
	}

	/** The sentence of the message that is shown; it is closed. */
	static String message() {
		def shown = await('a message') { dialogs().find { it.class.simpleName == 'MessageDialog' } }
		def text = all(shown).findAll { it.class.simpleName == 'MultiLineLabel' }.collect { it.lines.join(' ') }.join(' ')
		on { shown.dispose() }
		return text
	}

	static List all(java.awt.Container inside) {
		inside.components.collectMany { [it] + (it instanceof java.awt.Container ? all(it) : []) }
	}

	static void on(Closure work) { EventQueue.invokeAndWait(work) }

	static Object run(String name, Closure given) {
		def script = scripts[name]
		def info = new ScriptInfo(context, name + '.groovy', new StringReader(script.header))
		def module = new ScriptModule(info)
		def converts = context.getService(ConvertService)
		def binding = new Binding()
		info.inputs().each { input ->
			if (org.scijava.service.Service.isAssignableFrom(input.type)) module.setInput(input.name, context.getService(input.type))
			else {
				def value = given(input.name)
				if (value != null) {
					module.setInput(input.name, converts.convert(value, input.type))
					module.resolveInput(input.name)
				}
			}
			binding.setVariable(input.name, module.getInput(input.name))
		}
		binding.setVariable(ScriptModule.name, module)
		try {
			if (compiled[script.text] == null) {
				compiled[script.text] = new GroovyClassLoader(Window.classLoader).parseClass(script.text)
			}
			return org.codehaus.groovy.runtime.InvokerHelper.createScript(compiled[script.text], binding).run()
		} catch (Throwable thrown) { // as SciJava's ScriptModule does
			thrown.printStackTrace()
		}
	}
}

class InstalledCommand implements ij.plugin.PlugIn {
	void run(String name) {
		def options = ij.Macro.options
		Window.run(name) { options == null ? null : ij.Macro.getValue(options, it, null) }
	}
}

/*
 * main.c - mpt-unpickler: unpickles for mpt-convert, and runs nothing for it
 *
 * Embeds Python, loads the restricted unpickler that was compiled into the
 * program, closes the sandbox behind itself, and answers requests on its
 * standard input until that closes.
 */
#include <Python.h>
#include <marshal.h>

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "convert/unpickler/protocol.h"
#include "convert/unpickler/restricted_code.h"
#include "convert/unpickler/sandbox.h"
#include "convert/unpickler/scan_module.h"

#ifndef MPT_VERSION
#define MPT_VERSION "unknown"
#endif

#define PARENT_FD STDIN_FILENO

/* Set once everything is imported; from then on nothing else happens. */
static bool sealed;

/*
 * Python's audit hook, a second line behind the closed table.  Once sealed,
 * imports, exec, open, sockets, ctypes and the like are errors; of all events
 * only id() is left, which the walk over the modules uses.
 */
static int deny_events(const char *event, PyObject *args, void *data)
{
	(void)args;
	(void)data;
	if (!sealed || strcmp(event, "builtins.id") == 0)
		return 0;
	PyErr_Format(PyExc_RuntimeError, "%s refused", event);
	return -1;
}

/*
 * Start the interpreter with everything given: no environment, no search for
 * an executable along PATH, no configuration files, no site.
 */
static PyStatus start_python(void)
{
	PyPreConfig preconfig;
	PyConfig config;
	PyStatus status;

	PyPreConfig_InitIsolatedConfig(&preconfig);
	preconfig.utf8_mode = 1;	/* needs no codec from a file */
	status = Py_PreInitialize(&preconfig);
	if (PyStatus_Exception(status))
		return status;

	PyConfig_InitIsolatedConfig(&config);
	config.site_import = 0;
	config.write_bytecode = 0;
	config.module_search_paths_set = 1;
	/* A name with a slash is not searched for. */
	status = PyConfig_SetBytesString(&config, &config.program_name,
					 "/mpt-unpickler");
	if (!PyStatus_Exception(status))
		status = PyConfig_SetBytesString(&config, &config.home,
						 python_home);
	for (size_t i = 0; python_folders[i]; i++) {
		wchar_t *folder = Py_DecodeLocale(python_folders[i], NULL);

		if (!PyStatus_Exception(status))
			status = folder ? PyWideStringList_Append(
						  &config.module_search_paths,
						  folder)
					: PyStatus_NoMemory();
		PyMem_RawFree(folder);
	}
	if (!PyStatus_Exception(status))
		status = Py_InitializeFromConfig(&config);
	PyConfig_Clear(&config);
	return status;
}

/* Import one embedded module.  Returns it (new), or NULL. */
static PyObject *import_embedded(const struct restricted_module *module)
{
	PyObject *code, *imported = NULL;

	code = PyMarshal_ReadObjectFromString(module->code,
					      (Py_ssize_t)module->len);
	if (code) {
		imported = PyImport_ExecCodeModule(module->name, code);
		Py_DECREF(code);
	}
	return imported;
}

/*
 * Keep what start-up made out of every later collection.  Returns gc.collect
 * (new), or NULL.
 */
static PyObject *take_over_gc(void)
{
	PyObject *gc = PyImport_ImportModule("gc"), *frozen, *collect = NULL;

	if (!gc)
		return NULL;
	frozen = PyObject_CallMethod(gc, "freeze", NULL);
	if (frozen)
		collect = PyObject_GetAttrString(gc, "collect");
	Py_XDECREF(frozen);
	Py_DECREF(gc);
	return collect;
}

/* Import all modules; *answer becomes the last one's answer() (new). */
static bool load_modules(PyObject **answer)
{
	const struct restricted_module *module = restricted_modules;
	PyObject *last = NULL;

	for (; module->name; module++) {
		Py_XDECREF(last);
		last = import_embedded(module);
		if (!last)
			return false;
	}
	if (last)
		*answer = PyObject_GetAttrString(last, "answer");
	Py_XDECREF(last);
	return *answer != NULL;
}

/*
 * Read exactly nbytes.  Returns false if the parent closed the socket first,
 * which is how it ends us.
 */
static bool read_all(void *buffer, size_t nbytes)
{
	char *at = buffer;

	while (nbytes > 0) {
		ssize_t n = read(PARENT_FD, at, nbytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		nbytes -= (size_t)n;
	}
	return true;
}

static bool write_all(const void *buffer, size_t nbytes)
{
	const char *at = buffer;

	while (nbytes > 0) {
		ssize_t n = write(PARENT_FD, at, nbytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		nbytes -= (size_t)n;
	}
	return true;
}

static void put_le(uint8_t *bytes, uint64_t value, unsigned nbytes)
{
	for (unsigned i = 0; i < nbytes; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
}

static bool write_body(const void *body, size_t nbytes)
{
	uint8_t header[8];

	put_le(header, nbytes, sizeof(header));
	return write_all(header, sizeof(header)) && write_all(body, nbytes);
}

/* The answer that needs no Python and no memory. */
static bool write_no_memory(void)
{
	static const char reason[] = "out of memory";
	uint8_t body[5 + sizeof(reason) - 1 + 4] = { UNPICKLER_MEMORY };

	put_le(body + 1, sizeof(reason) - 1, 4);
	memcpy(body + 5, reason, sizeof(reason) - 1);
	return write_body(body, sizeof(body));
}

/* fault: why there will be no answers, or NULL. */
static bool greet(uint64_t address_space, const char *fault)
{
	uint8_t head[12];
	size_t len = fault ? strlen(fault) : 0;

	if (len > UNPICKLER_GREETING_LIMIT)
		len = UNPICKLER_GREETING_LIMIT;
	put_le(head, address_space, 8);
	put_le(head + 8, len, 4);
	return write_all(head, sizeof(head)) && write_all(fault, len);
}

/* Read nbytes of a request that there is no memory for. */
static bool skip(uint64_t nbytes)
{
	static char ignored[1 << 16];

	while (nbytes > 0) {
		size_t n = nbytes < sizeof(ignored) ? (size_t)nbytes
						    : sizeof(ignored);
		if (!read_all(ignored, n))
			return false;
		nbytes -= n;
	}
	return true;
}

/*
 * Answer one request with a body of nbytes.  It is read straight into the
 * bytes object whose rest is unpickled.  Returns false if the parent is gone.
 */
static bool answer_request(PyObject *answer, uint64_t nbytes)
{
	PyObject *request, *body;
	bool ok;

	request = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)nbytes);
	if (!request) {
		PyErr_Clear();
		return skip(nbytes) && write_no_memory();
	}
	if (!read_all(PyBytes_AS_STRING(request), (size_t)nbytes)) {
		Py_DECREF(request);
		return false;
	}
	body = PyObject_CallOneArg(answer, request);	/* new */
	Py_DECREF(request);
	if (body && PyBytes_Check(body)) {
		ok = write_body(PyBytes_AS_STRING(body),
				(size_t)PyBytes_GET_SIZE(body));
	} else {
		/* answer() catches all but what happens while it reports. */
		PyErr_Clear();
		ok = write_no_memory();
	}
	Py_XDECREF(body);
	return ok;
}

static int serve(PyObject *answer, PyObject *collect)
{
	uint8_t header[8];

	while (read_all(header, sizeof(header))) {
		PyObject *collected;
		uint64_t nbytes = 0;

		for (unsigned i = sizeof(header); i-- > 0;)
			nbytes = nbytes << 8 | header[i];
		if (nbytes > UNPICKLER_REQUEST_LIMIT)
			return 1;
		if (!answer_request(answer, nbytes))
			return 1;
		collected = PyObject_CallNoArgs(collect);
		if (!collected)
			PyErr_Clear();
		Py_XDECREF(collected);
	}
	return 0;
}

/*
 * Have Python and the unpickler ready.  Returns NULL, and answer() and
 * gc.collect() (new), or why not.
 */
static const char *start(PyObject **answer, PyObject **collect)
{
	PyStatus status;

	if (PySys_AddAuditHook(deny_events, NULL) != 0 ||
	    PyImport_AppendInittab("pickle_scan", scan_module_init) != 0)
		return "no memory to start Python";
	status = start_python();
	if (PyStatus_Exception(status))
		return status.err_msg ? status.err_msg
				      : "Python does not start";
	PyGC_Disable();	/* there is one collection after each request */
	if (load_modules(answer))
		*collect = take_over_gc();
	if (*collect)
		return NULL;
	PyErr_Print();
	return "the embedded modules do not load";
}

static int run(bool sandboxed)
{
	PyObject *answer = NULL, *collect = NULL;
	const char *fault = sandbox_prepare();
	uint64_t nbytes;

	if (!fault)
		fault = start(&answer, &collect);
	nbytes = sandbox_address_space();
	if (!fault && nbytes == 0)
		fault = "/proc/self/statm cannot be read";
	sealed = true;
	if (!fault && sandboxed)
		fault = sandbox_close(PARENT_FD);
	if (!greet(nbytes, fault) || fault)
		return 2;
	return serve(answer, collect);
}

int main(int argc, char **argv)
{
	bool sandboxed = argc < 2 || strcmp(argv[1], UNPICKLER_NO_SANDBOX);
	struct stat st;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		const char *python = Py_GetVersion();

		printf("mpt-unpickler %s (Python %.*s)\n", MPT_VERSION,
		       (int)strcspn(python, " "), python);
		return 0;
	}
	if (argc > 2 || (argc == 2 && sandboxed) ||
	    fstat(PARENT_FD, &st) != 0 || !S_ISSOCK(st.st_mode)) {
		fputs("mpt-unpickler: mpt-convert runs this program; it has no "
		      "other use\n", stderr);
		return 2;
	}
	/* Python is not finalized: that would free everything first. */
	_exit(run(sandboxed));
}

/* scan_module.c - formats/pickle as a Python function */
#include <Python.h>

#include "convert/unpickler/scan_module.h"

#include "formats/pickle.h"

static PyObject *scan(PyObject *self, PyObject *buffer)
{
	struct pickle_scan found;
	struct error err = { 0 };
	PyObject *nbytes = NULL;	/* new */
	Py_buffer view;

	(void)self;
	if (PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE) != 0)
		return NULL;
	if (pickle_scan(&found, view.buf, (size_t)view.len, &err))
		nbytes = PyLong_FromUnsignedLongLong(found.nbytes);
	else
		PyErr_SetString(PyExc_ValueError, err.reason);
	pickle_scan_free(&found);
	PyBuffer_Release(&view);
	return nbytes;
}

static PyMethodDef functions[] = {
	{ "scan", scan, METH_O, "The length of the pickle that starts here." },
	{ 0 }
};

static PyModuleDef module = {
	.m_base = PyModuleDef_HEAD_INIT,
	.m_name = "pickle_scan",
	.m_size = -1,
	.m_methods = functions,
};

PyObject *scan_module_init(void)
{
	return PyModule_Create(&module);
}

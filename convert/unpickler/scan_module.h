/*
 * scan_module.h - the scan of formats/pickle, for the embedded Python
 *
 * What mpt-convert sends was scanned before, or differs from what was only in
 * ways that the scan does not see (convert/stream_head.h).  Bytes inside a
 * pickle that are pickles themselves were not: those are scanned here before
 * they are loaded.
 * <Python.h> must be included first.
 */
#ifndef CONVERT_UNPICKLER_SCAN_MODULE_H
#define CONVERT_UNPICKLER_SCAN_MODULE_H

/*
 * For PyImport_AppendInittab(): a module with one function, scan(buffer), that
 * returns how many bytes the pickle at the start of the buffer has, or raises
 * ValueError with what is wrong with it.
 */
PyObject *scan_module_init(void);

#endif

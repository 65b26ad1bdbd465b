/*
 * folder.h - folders held open, and names in them
 *
 * A path is followed once, when its folder is opened.  What is done in the
 * folder is then done by name, relative to it: nobody who moves folders or
 * plants symbolic links meanwhile can lead it elsewhere.  Names are single
 * components, and links that they lead to are not followed.
 *
 * A zeroed struct is closed; closing twice is harmless.  Errors carry the
 * folder's path and the reason the system gave.
 */
#ifndef BASE_FOLDER_H
#define BASE_FOLDER_H

#include <dirent.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

struct folder {
	char *path;		/* for messages; owned */
	int fd;			/* valid if path is not NULL */
};

/* Open a folder that the user named: links are followed. */
bool folder_open(struct folder *f, const char *path, struct error *err);

/*
 * Open a folder in a folder.  If there is something of that name, but a link
 * or a file, that is ERROR_UNSAFE.
 */
bool folder_open_in(struct folder *f, const struct folder *in,
		    const char *name, struct error *err);

/*
 * Go down from f along the first len bytes of path, which is relative, and
 * make the folders that are missing.  On failure f is closed.
 */
bool folder_descend(struct folder *f, const char *path, size_t len,
		    struct error *err);

/* Open the folder at a relative path; from stays open. */
bool folder_open_below(struct folder *f, const struct folder *from,
		       const char *path, struct error *err);

/* Its names; the caller closes the list. */
DIR *folder_list(const struct folder *f, struct error *err);

/* Make and open a folder that was not there. */
bool folder_make_in(struct folder *f, const struct folder *in,
		    const char *name, struct error *err);

/* What has this name: its mode, or 0 if there is nothing. */
bool folder_look(const struct folder *f, const char *name, mode_t *mode,
		 struct error *err);

/* Remove a file, or an empty folder; one that is not there is no fault. */
bool folder_remove_file(const struct folder *f, const char *name,
			struct error *err);
bool folder_remove_folder(const struct folder *f, const char *name,
			  struct error *err);

/*
 * Rename a folder in f.  An empty folder in its new place is replaced; if
 * anything else is there, that is no error: *taken says so.
 */
bool folder_rename(const struct folder *f, const char *from, const char *to,
		   bool *taken, struct error *err);

/* The same for a file, which replaces nothing. */
bool folder_rename_file(const struct folder *f, const char *from,
			const char *to, bool *taken, struct error *err);

/* Put a file in the place of another. */
bool folder_replace_file(const struct folder *f, const char *from,
			 const char *to, struct error *err);

/*
 * Give each the name of the other, at once.  Where the file system cannot,
 * *able is false and nothing has changed.
 */
bool folder_exchange(const struct folder *f, const char *a, const char *b,
		     bool *able, struct error *err);

/* Make the names in a folder durable. */
bool folder_sync(const struct folder *f, struct error *err);

/*
 * The same in two steps: whoever opens *fd before changing names knows that
 * what can be refused was not.  The second step closes it.
 */
bool folder_open_sync(const struct folder *f, int *fd, struct error *err);
bool folder_finish_sync(const struct folder *f, int fd, struct error *err);

void folder_close(struct folder *f);

#endif

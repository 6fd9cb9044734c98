"""The types of files that wikilinks name: what follows the last dot is an extension if it is one of these.

A list, and not what lies on the disk: a document's rows follow from the documents alone. All else is part of a name, so
that `[[Node.js]]`, `[[Ph.D]]`, `[[v1.2]]` and `[[example.com]]` ask for documents.
"""

from __future__ import annotations

_IMAGES = "apng avif bmp eps gif heic heif ico jfif jpeg jpg jxl png psd svg tif tiff webp xcf"
_AUDIO = "3gp aac aif aiff amr flac m4a mid midi mp3 oga ogg opus wav weba wma"
_VIDEO = "avi flv m4v mkv mov mp4 mpeg mpg ogv webm wmv"
_DOCUMENTS = "azw3 djvu doc docm docx epub mobi odg odp ods odt pdf ppt pptm pptx rtf xls xlsb xlsm xlsx"
_ARCHIVES = "7z bz2 dmg gz iso jar rar tar tgz xz zip zst"
_DATA = "csv db geojson gpx ics ipynb json jsonl kml log parquet sqlite tsv txt vcf xml yaml yml"
_FONTS = "otf ttf woff woff2"
_PAGES = "htm html"
_OBSIDIAN = "base canvas"

FILE_TYPES = frozenset(
    " ".join((_IMAGES, _AUDIO, _VIDEO, _DOCUMENTS, _ARCHIVES, _DATA, _FONTS, _PAGES, _OBSIDIAN)).split()
)
"""Extensions, lower case, without the dot."""


def is_file_name(name: str) -> bool:
    """Return whether a name ends in the extension of such a file."""
    stem, dot, extension = name.rpartition(".")
    return bool(stem and dot) and extension.lower() in FILE_TYPES

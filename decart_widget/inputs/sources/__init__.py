"""Sources of frames: video files, arrays, cameras and test patterns."""

SELECT analyze_grown(CAST(:but AS text[])) AS grown
